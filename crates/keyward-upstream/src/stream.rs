//! Connections to databases that are spoken to in bytes.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::Fault;

/// Something to read from and write to.
pub(crate) trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

const PATIENCE: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);

/// Connects to the first of a host's addresses that takes it.
pub(crate) fn connect(host: &str, port: u16) -> Result<TcpStream, Fault> {
    let unreached = |error: io::Error| Fault::Unreachable(format!("the connection failed: {}", error.kind()));
    let nowhere = || Fault::Unreachable("its host name leads nowhere".into());
    let mut last = nowhere();
    for address in (host, port).to_socket_addrs().map_err(|_| nowhere())? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(tcp) => {
                tcp.set_read_timeout(Some(PATIENCE)).map_err(unreached)?;
                tcp.set_write_timeout(Some(PATIENCE)).map_err(unreached)?;
                return Ok(tcp);
            }
            Err(error) => last = unreached(error),
        }
    }
    Err(last)
}
