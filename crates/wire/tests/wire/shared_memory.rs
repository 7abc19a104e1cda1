//! Parsing copies nothing and takes no reference of its own to the block that the packet came in.
//! Compares addresses of payload and block, and takes the block back from the payload.

use bytes::{Bytes, BytesMut};
use synack_wire::*;

use crate::packets::{both, octets};

fn payload(block: Bytes) -> Payload {
    match parse(block, ChecksumTrust::Verify) {
        Ok(Parsed::Tcp { packet, .. }) => packet.segment.payload,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_payload_is_a_slice_of_the_block_and_its_only_handle() {
    for packet in both() {
        let octets = octets(&packet);
        for trailing in [0, 6] {
            let mut block = BytesMut::with_capacity(2048);
            block.extend_from_slice(&octets);
            block.extend_from_slice(&vec![0; trailing]);
            let text_start = block[octets.len() - 10..].as_ptr();
            let payload = payload(block.freeze());
            let [slice] = payload.slices() else { panic!("one slice") };
            assert_eq!(slice.as_ptr(), text_start);
            assert_eq!(&slice[..], b"0123456789");
            let slice = payload.into_iter().next().unwrap();
            let block = slice.try_into_mut().expect("no other handle is left");
            assert!(block.capacity() >= 10);
        }
    }
}

#[test]
fn a_packet_without_text_lets_its_block_go() {
    for mut packet in both() {
        packet.segment.payload = Payload::new();
        let block = Bytes::from(octets(&packet));
        let held = block.clone();
        assert!(payload(block).slices().is_empty());
        assert!(held.is_unique());
    }
}

#[test]
fn a_shared_block_is_read_as_any_other() {
    for packet in both() {
        let block = Bytes::from(octets(&packet));
        let copy = block.clone();
        assert_eq!(payload(block), packet.segment.payload);
        assert_eq!(copy, packet.to_bytes().unwrap(), "the other handle sees no change");
    }
}
