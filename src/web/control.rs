//! The control socket: the same requests as over HTTP, for who may write to a file of this machine.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use axum::Router;
use tokio::net::{UnixListener, UnixStream};

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
            tracing::debug!(%error, "the control socket is not removed");
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

/// Serves until `stopped` is done.
pub async fn serve(
    control: Control,
    router: Router,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let Control { listener, file } = control;
    let served = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
    drop(file);
    served
}
