//! The line between one node and the database, which can be cut, and held so that nothing comes
//! through any more.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A line through which one node reaches the database.
pub(crate) struct Line {
    folder: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    server: PathBuf,
    state: AtomicU8,
    streams: Mutex<Vec<UnixStream>>,
}

/// Everything goes through.
const WHOLE: u8 = 0;
/// Connections are taken and closed.
const REFUSED: u8 = 1;
/// Connections stand, and nothing goes through.
const SILENT: u8 = 2;

impl Line {
    pub(crate) fn to(server: &Path, folder: PathBuf) -> Self {
        std::fs::create_dir(&folder).unwrap();
        let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).unwrap();
        let shared =
            Arc::new(Shared { server: server.to_owned(), state: AtomicU8::new(WHOLE), streams: Mutex::default() });
        let taking = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                taking.take(stream.unwrap());
            }
        });
        Self { folder, shared }
    }

    /// The address of a schema behind it.
    pub(crate) fn address(&self, schema: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://keyward@{folder}:5432/postgres?schema={schema}")
    }

    /// Breaks every connection; new ones can be made.
    pub(crate) fn cut(&self) {
        for stream in self.shared.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// The node does not reach the database until [`Line::mend`].
    pub(crate) fn part(&self, silently: bool) {
        self.shared.state.store(if silently { SILENT } else { REFUSED }, Ordering::SeqCst);
        if !silently {
            self.cut();
        }
    }

    pub(crate) fn mend(&self) {
        self.shared.state.store(WHOLE, Ordering::SeqCst);
    }
}

impl Shared {
    fn take(self: &Arc<Self>, client: UnixStream) {
        if self.state.load(Ordering::SeqCst) == REFUSED {
            return;
        }
        // While the server restarts nobody is there.
        let Ok(server) = UnixStream::connect(&self.server) else { return };
        let pairs = [(&client, &server), (&server, &client)];
        for (from, to) in pairs.map(|(from, to)| (from.try_clone().unwrap(), to.try_clone().unwrap())) {
            let shared = Arc::clone(self);
            std::thread::spawn(move || shared.pump(from, to));
        }
        self.streams.lock().unwrap().extend([client, server]);
    }

    fn pump(&self, mut from: UnixStream, mut to: UnixStream) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(n) = from.read(&mut buffer) {
            while self.state.load(Ordering::SeqCst) == SILENT {
                std::thread::sleep(Duration::from_millis(5));
            }
            if n == 0 || to.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }
}
