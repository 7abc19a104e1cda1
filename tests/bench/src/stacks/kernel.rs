//! The TCP of the kernel behind tokio, in whatever network it is started in.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use super::Workers;
use crate::protocol::{self, Service};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long, value_enum, default_value = "many")]
    workers: Workers,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    arguments.workers.runtime()?.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for service in Service::ALL {
            tasks.spawn(accept(listen(service)?, service));
        }
        tasks.join_all().await;
        Ok(())
    })
}

fn listen(service: Service) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, service.port())))?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, service: Service) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            protocol::serve(&mut stream, service).await
        });
    }
}

/// As many as the driver ever opens at once.
const BACKLOG: u32 = 4096;
