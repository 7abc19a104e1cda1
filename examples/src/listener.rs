//! axum on a stack: `axum::serve(StackListener(listener), router)`.

use std::net::SocketAddr;

use synack::{TcpListener, TcpStream};

/// A listener of a stack, as axum takes listeners.
#[derive(Debug)]
pub struct StackListener(pub TcpListener);

impl axum::serve::Listener for StackListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok(accepted) => return accepted,
                // The stack is gone: so is the server, once its task is dropped.
                Err(_) => std::future::pending::<()>().await,
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
