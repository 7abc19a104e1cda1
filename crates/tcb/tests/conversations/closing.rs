//! Closing (CLOSE-*): FIN after the text, half-open directions, orphans.
//! An open connection is closed by its application or by the far end, who answers packet by packet.

use synack_tcb::State;

use crate::support::Setup;

#[test]
fn close_2_the_fin_rides_on_the_last_segment() {
    let mut c = Setup::default().open();
    c.write(2_500);
    c.expect(&["[.] 1:1001 ack 1", "[.] 1001:2001 ack 1", "[P.] 2001:2501 ack 1"]);
    c.until(1_000, &[(300, "[.] 1:1001 ack 1"), (900, "[.] 1:1001 ack 1")]);
    c.close();
    assert_eq!(c.state(), State::FinWait1);
    c.expect(&["[F.] 2501 ack 1"]);
}
