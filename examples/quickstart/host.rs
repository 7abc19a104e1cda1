//! One of the two hosts: the kernel, or a stack. It serves HTTP and opens connections.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use axum::body::Body;
use axum::http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use synack::{ConnectionInfo, Stack};
use synack_examples::connector::StackConnector;
use synack_examples::listener::StackListener;
use synack_examples::pages;
use synack_examples::timed::{HandshakeTime, Timed};
use tokio::task::JoinHandle;

pub(crate) struct Host {
    name: &'static str,
    /// `None` for the kernel.
    stack: Option<Stack>,
    addresses: Vec<IpAddr>,
}

/// A client on either host, with the time that its last handshake took.
pub(crate) enum HttpClient {
    Kernel(Client<Timed<HttpConnector>, Body>, HandshakeTime),
    Stack(Client<Timed<StackConnector>, Body>, HandshakeTime),
}

impl Host {
    pub(crate) fn kernel(addresses: Vec<IpAddr>) -> Self {
        Self { name: "kernel", stack: None, addresses }
    }

    pub(crate) fn stack(name: &'static str, stack: Stack, addresses: Vec<IpAddr>) -> Self {
        Self { name, stack: Some(stack), addresses }
    }

    pub(crate) fn as_stack(&self) -> Option<&Stack> {
        self.stack.as_ref()
    }

    pub(crate) fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Serves the example pages until the task is aborted.
    pub(crate) async fn serve(&self, at: SocketAddr) -> Result<JoinHandle<std::io::Result<()>>> {
        Ok(match &self.stack {
            Some(stack) => {
                let listener = StackListener(stack.listen(at).await?);
                tokio::spawn(async { axum::serve(listener, pages::router()).await })
            }
            None => {
                let listener = tokio::net::TcpListener::bind(at).await?;
                tokio::spawn(async { axum::serve(listener, pages::router()).await })
            }
        })
    }

    pub(crate) fn client(&self) -> HttpClient {
        match &self.stack {
            Some(stack) => {
                let (connector, time) = Timed::new(StackConnector(stack.clone()));
                HttpClient::Stack(build(connector), time)
            }
            None => {
                let (connector, time) = Timed::new(HttpConnector::new());
                HttpClient::Kernel(build(connector), time)
            }
        }
    }

    /// What the stack says of its connection to or from the port `port` of a server.
    pub(crate) async fn connection(&self, port: u16) -> Option<ConnectionInfo> {
        let connections = self.stack.as_ref()?.connections().await;
        let with_port =
            |info: &ConnectionInfo| info.local.port() == port || info.remote.port() == port;
        connections.open.into_iter().find(with_port)
    }

    /// Whether a connection of the stack is in TIME-WAIT.
    pub(crate) async fn has_time_wait(&self) -> bool {
        match &self.stack {
            Some(stack) => stack.connections().await.time_wait > 0,
            None => false,
        }
    }
}

impl HttpClient {
    pub(crate) async fn get(&self, uri: Uri) -> Result<axum::http::Response<Body>> {
        let response = match self {
            Self::Kernel(client, _) => client.get(uri).await?,
            Self::Stack(client, _) => client.get(uri).await?,
        };
        Ok(response.map(Body::new))
    }

    pub(crate) fn handshake_time(&self) -> Duration {
        match self {
            Self::Kernel(_, time) | Self::Stack(_, time) => time.last(),
        }
    }
}

fn build<C: Connect + Clone>(connector: C) -> Client<C, Body> {
    Client::builder(TokioExecutor::new()).build(connector)
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
