//! The list of all operations, for benchmarks that go through it.

/// Hands the list of operations to the macro `take`: for each a word, its name, its type, and its
/// cases with what makes them ready.
///
/// The word is `again` where an operation may be run any number of times, and `once` where it uses
/// up what it was made with. The types, `V4`, `V6` and a function `paused`, which makes a runtime
/// of tokio in this thread whose clock is paused, have to be in scope.
#[macro_export]
macro_rules! each_operation {
    ($take:ident) => {
        $take! {
            again checksum: Checksum {
                octets_1472 = Checksum::of(1_472),
                kib_64 = Checksum::of(65_536),
            }
            again parse: Parse {
                text_v4 = Parse::text(V4),
                text_v6 = Parse::text(V6),
                ack_v4 = Parse::ack(V4),
                ack_v6 = Parse::ack(V6),
            }
            again emit: Emit {
                text_v4 = Emit::text(V4),
                text_v6 = Emit::text(V6),
                ack_v4 = Emit::ack(V4),
                ack_v6 = Emit::ack(V6),
            }
            again emit_headers: EmitHeaders {
                super_segment = EmitHeaders::super_segment(),
            }
            again route: Route {
                one_v4 = Route::among(V4, 1),
                one_v6 = Route::among(V6, 1),
                of_10_000_v4 = Route::among(V4, 10_000),
            }
            once receive: Receive {
                segment_v4 = Receive::segments(V4),
                segment_v6 = Receive::segments(V6),
                super_segment_v4 = Receive::super_segments(V4),
            }
            once receive_ack: PureAck {
                v4 = PureAck::new(V4),
                v6 = PureAck::new(V6),
            }
            once receive_sack: Sack {
                v4 = Sack::new(V4),
            }
            once poll_transmit: PollTransmit {
                segment_v4 = PollTransmit::segments(V4),
                segment_v6 = PollTransmit::segments(V6),
                super_segment_v4 = PollTransmit::super_segments(V4),
            }
            once wheel_arm: WheelArm {
                later = WheelArm::later(),
                earlier = WheelArm::earlier(),
            }
            again bulk: Bulk {
                v4 = Bulk::new(V4),
                v6 = Bulk::new(V6),
            }
            again exchange: Exchange {
                v4 = Exchange::new(V4),
                v6 = Exchange::new(V6),
            }
            again stack_bulk: StackBulk {
                v4 = StackBulk::new(V4, paused()),
                v6 = StackBulk::new(V6, paused()),
            }
            again stack_exchange: StackExchange {
                v4 = StackExchange::new(V4, paused()),
                v6 = StackExchange::new(V6, paused()),
            }
        }
    };
}
