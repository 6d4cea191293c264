//! The control socket: the same requests as over HTTP, for who may write to a file of this machine.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tracing::debug;

use super::serve::{ACCEPT_AGAIN, HEAD, MAX_CONNECTIONS, connection, end, stopped};

/// The socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another camwatch has it.
    #[error("[control] socket = \"{0}\": another camwatch listens there: stop it, or name another socket")]
    Taken(PathBuf),
    /// It is a file of another kind.
    #[error("[control] socket = \"{0}\": there is a file that is no socket: name another one")]
    NoSocket(PathBuf),
    /// The system refuses.
    #[error("[control] socket = \"{0}\": {1}: its folder must exist and be writable by this user")]
    Io(PathBuf, std::io::Error),
}

/// Removes its socket at the end.
pub struct Control {
    listener: UnixListener,
    file: SocketFile,
}

struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            debug!(%error, "the control socket is not removed");
        }
    }
}

/// Takes the socket; one that a killed camwatch left behind is taken over.
pub async fn bind(path: &Path) -> Result<Control, ControlError> {
    let failed = |error| ControlError::Io(path.to_owned(), error);
    if let Ok(there) = std::fs::symlink_metadata(path) {
        if !there.file_type().is_socket() {
            return Err(ControlError::NoSocket(path.to_owned()));
        }
        if UnixStream::connect(path).await.is_ok() {
            return Err(ControlError::Taken(path.to_owned()));
        }
        std::fs::remove_file(path).map_err(failed)?;
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    // Its user and group may ask and change; nobody else.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(failed)?;
    Ok(Control { listener, file: SocketFile(path.to_owned()) })
}

/// Serves until `stop` becomes true, with the bounds that HTTP has: who asks nothing is not waited for.
pub async fn serve(control: Control, router: Router, stop: watch::Receiver<bool>) -> std::io::Result<()> {
    serve_within(HEAD, control, router, stop).await
}

async fn serve_within(
    head: Duration,
    control: Control,
    router: Router,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let Control { listener, file } = control;
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => accepted,
        };
        match (accepted, places.clone().try_acquire_owned()) {
            (Ok((stream, _)), Ok(place)) => {
                let (router, stop) = (router.clone(), stop.clone());
                tokio::spawn(async move {
                    connection(stream, router, None, head, stop).await;
                    drop(place);
                });
            }
            (Ok(_), Err(_)) => debug!("too many connections to the control socket"),
            (Err(error), _) => {
                debug!(%error, "no connection is accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop((listener, file));
    end(&places).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn who_asks_nothing_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let control = bind(&path).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let router = Router::new().route("/", get(async || "here"));
        let server = tokio::spawn(serve_within(Duration::from_millis(200), control, router, stopped));
        let mut silent = UnixStream::connect(&path).await.unwrap();
        silent.write_all(b"GET / HT").await.unwrap();
        let mut asking = UnixStream::connect(&path).await.unwrap();
        asking.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        asking.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("here"), "{answer}");
        let closed = tokio::time::timeout(Duration::from_secs(5), silent.read_to_end(&mut Vec::new())).await;
        assert!(closed.is_ok(), "it still waits");
        stop.send_replace(true);
        server.await.unwrap().unwrap();
        assert!(!path.exists());
    }
}
