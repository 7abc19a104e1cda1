//! Who governs how much is in flight: for a stack, a listener, a connection, and a living one.
//! By the controller's name, by its window before and after, and by one that this file brings.

use synack::congestion::{
    AckSample, Bbr, Beginning, CongestionController, CongestionEvent, CongestionFactory, Cubic,
    Instant, NewReno,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::pair::{Family, Pair};

#[tokio::test(start_paused = true)]
async fn dec_14_bbr_20_cubic_governs_unless_something_else_is_asked_for() {
    let (client, server) = Pair::v4().connect().await;
    assert_eq!(client.congestion().unwrap(), "cubic");
    assert_eq!(server.congestion().unwrap(), "cubic");
}

#[tokio::test(start_paused = true)]
async fn cc_25_a_controller_for_a_stack_a_listener_and_a_connection() {
    let pair = Pair::with(Family::V4, |builder| builder.congestion(NewReno::FACTORY));
    let (client, server) = pair.connect().await;
    assert_eq!(client.congestion().unwrap(), "reno");
    assert_eq!(server.congestion().unwrap(), "reno");

    let listener = pair.server.listen(pair.at(80)).congestion(Bbr::FACTORY).await.unwrap();
    let connecting = pair.client.connect(pair.at(80)).congestion(Cubic::FACTORY);
    let (client, accepted) = tokio::join!(connecting, listener.accept());
    assert_eq!(client.unwrap().congestion().unwrap(), "cubic");
    assert_eq!(accepted.unwrap().0.congestion().unwrap(), "bbr");
}

#[tokio::test(start_paused = true)]
async fn cc_25_what_a_listener_changes_leaves_the_rest_to_the_stack() {
    let pair = Pair::with(Family::V4, |builder| {
        builder.connection_config(synack::ConnectionConfig { dscp: 10, ..Default::default() })
    });
    let listener = pair.server.listen(pair.at(80)).congestion(Bbr::FACTORY).await.unwrap();
    let (client, accepted) = tokio::join!(pair.client.connect(pair.at(80)), listener.accept());
    let (client, server) = (client.unwrap(), accepted.unwrap().0);
    assert_eq!((client.dscp().unwrap(), server.dscp().unwrap()), (10, 10));
}

#[tokio::test(start_paused = true)]
async fn cc_25_a_living_connection_changes_its_controller_and_keeps_its_window() {
    let (mut client, mut server) = Pair::v4().connect().await;
    let text = vec![7; 300_000];
    let (written, _) = tokio::join!(client.write_all(&text), async {
        server.read_exact(&mut vec![0; 300_000]).await.unwrap();
    });
    written.unwrap();
    let before = client.info().unwrap();
    assert!(before.cwnd > 20_000, "it grew: {}", before.cwnd);
    for name in ["bbr", "reno", "cubic"] {
        match name {
            "bbr" => client.set_congestion(Bbr::FACTORY),
            "reno" => client.set_congestion(NewReno::FACTORY),
            _ => client.set_congestion(Cubic::FACTORY),
        }
        .unwrap();
        let info = client.info().unwrap();
        assert_eq!((info.congestion, info.cwnd), (name, before.cwnd));
        assert_eq!(info.pacing_rate.is_some(), name == "bbr", "bbr_18: BBR is always paced");
    }
    let (written, _) = tokio::join!(client.write_all(&text), async {
        server.read_exact(&mut vec![0; 300_000]).await.unwrap();
    });
    written.unwrap();
}

/// Two segments in flight, whatever happens.
#[derive(Debug)]
struct Two {
    mss: u32,
}

impl CongestionController for Two {
    fn name(&self) -> &'static str {
        "two"
    }
    fn on_ack(&mut self, _sample: &AckSample) {}
    fn on_congestion(&mut self, _event: &CongestionEvent) {}
    fn on_restart(&mut self, _now: Instant) {}
    fn on_mss(&mut self, mss: u32) {
        self.mss = mss;
    }
    fn cwnd(&self) -> u32 {
        2 * self.mss
    }
    fn ssthresh(&self) -> u32 {
        2 * self.mss
    }
}

#[derive(Debug)]
struct TwoFactory;

impl CongestionFactory for TwoFactory {
    fn build(&self, beginning: &Beginning) -> Box<dyn CongestionController> {
        Box::new(Two { mss: beginning.mss })
    }
}

#[tokio::test(start_paused = true)]
async fn cc_25_a_controller_of_the_application_s_own_governs() {
    let pair = Pair::with(Family::V6, |builder| builder.congestion(TwoFactory));
    let (mut client, mut server) = pair.connect().await;
    let text = vec![7; 100_000];
    let (written, _) = tokio::join!(client.write_all(&text), async {
        server.read_exact(&mut vec![0; 100_000]).await.unwrap();
    });
    written.unwrap();
    let info = client.info().unwrap();
    assert_eq!((info.congestion, info.cwnd), ("two", 2 * info.mss));
}
