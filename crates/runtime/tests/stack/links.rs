//! Shows by which of several links packets leave, and from which address.
//! A host that is played by hand stands on one link, on tokio's paused clock; the other is a tap.

use std::time::Duration;

use synack::MemoryDevice;

use crate::far_end::FarEnd;
use crate::pair::Family;

#[tokio::test(start_paused = true)]
async fn a_handshake_stays_on_the_link_that_its_syn_came_by() {
    let (near, _far) = MemoryDevice::pair(1_500);
    let (stack, mut far) = FarEnd::with(Family::V4, |builder| {
        // The way to the far end leads elsewhere.
        let builder = builder.device(near).address("10.1.0.1/24".parse().unwrap());
        builder.route("10.0.0.1/32".parse().unwrap())
    })
    .await;
    let listener = stack.listen(far.host).await.unwrap();
    let syn_ack = far.answer_to(&far.syn()).await;
    for seconds in [1, 3] {
        let again = far.next().await;
        assert_eq!(again.at - syn_ack.at, Duration::from_secs(seconds));
        assert_eq!(again.segment().seq, syn_ack.segment().seq);
    }
    far.take_syn(&syn_ack);
    drop(listener);
    assert!(far.next().await.segment().is_rst(), "SM-CLOSE-10");
}
