//! The end of the books: every pool is closed, and none waits for ever for a server that has
//! fallen silent.

use std::time::Duration;

use futures_util::future::{OptionFuture, join4};
use tokio::time::timeout;
use tracing::warn;

use crate::store::{Inner, Store, StoreError};

/// For what is under way when the pools are closed. Who sells has been waited for already.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

impl Store {
    /// Closes the pools after what is under way, or without it if that takes too long. Then
    /// nobody was told that it is committed.
    pub async fn close(&self) {
        let store = self.clone();
        let closed = self
            .run(async move {
                let Inner { writer, reader, .. } = &*store.inner;
                let lanes = store.inner.write_path.close();
                let side = OptionFuture::from(store.inner.side.as_ref().map(|it| it.close()));
                // All at once: none waits for another whose server has fallen silent.
                let closing = join4(reader.close(), side, writer.close(), lanes);
                let all = async {
                    let (reader, side, writer, lanes) = closing.await;
                    reader.and(side.unwrap_or(Ok(()))).and(writer).and(lanes)
                };
                match timeout(CLOSE_WITHIN, all).await {
                    Ok(closed) => Ok(closed?),
                    Err(_) => Err(StoreError::Unavailable("no answer in time".to_owned())),
                }
            })
            .await;
        if let Err(error) = closed {
            warn!(%error, "the database pools did not close cleanly");
        }
    }
}
