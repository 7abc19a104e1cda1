//! A connector around another that times how long connecting takes.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::http::Uri;
use tower_service::Service;

/// Times each call of the connector inside.
#[derive(Clone, Debug)]
pub struct Timed<C> {
    inner: C,
    time: HandshakeTime,
}

/// How long the last call took.
#[derive(Clone, Debug, Default)]
pub struct HandshakeTime(Arc<Mutex<Duration>>);

impl<C> Timed<C> {
    /// The connector, and where its times can be read.
    pub fn new(inner: C) -> (Self, HandshakeTime) {
        let time = HandshakeTime::default();
        (Self { inner, time: time.clone() }, time)
    }
}

impl HandshakeTime {
    /// How long the last call took; zero before the first.
    pub fn last(&self) -> Duration {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, time: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }
}

impl<C> Service<Uri> for Timed<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, C::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let time = self.time.clone();
        Box::pin(async move {
            let start = Instant::now();
            let connected = connecting.await;
            time.set(start.elapsed());
            connected
        })
    }
}
