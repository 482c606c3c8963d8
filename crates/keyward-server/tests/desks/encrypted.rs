//! The desk over TLS, with certificates of an authority of one's own.

use std::path::Path;
use std::sync::Arc;

use keyward_client::{Authority, Code, Desk, Folders, RemoteDesk, Result, ServerAccess};
use keyward_server::{Config, Listen, Server, Stop, Tls, Tokens, ca};
use keyward_types::Secret;

use crate::kit::{Form, Site, occasion};

#[test]
fn a_server_is_believed_by_its_authority_alone() {
    let site = Site::new(Form::Local);
    let (folder, foreign) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = ca::init(folder.path()).unwrap().certificate;
    let other = ca::init(foreign.path()).unwrap().certificate;
    let issued = ca::issue(folder.path(), &["localhost".into()], ca::Use::Server, 30).unwrap();
    let tls = Tls { certificate: issued.certificate, key: issued.key, client_ca: None };
    let listen = Listen { address: Some("127.0.0.1:0".parse().unwrap()), tls: Some(tls), ..Listen::default() };
    let config = Config { listen: vec![listen], ..Config::default() };
    let server = Server::bind(Arc::clone(&site.vault), Tokens, config).unwrap();
    let address = server.urls().remove(0);
    let port = address.rsplit(':').next().unwrap().to_owned();
    let stop = Stop::new();
    let ends = stop.clone();
    let thread = std::thread::spawn(move || server.run(&ends).unwrap());

    let ask = |url: &str, authority: Authority| -> Result<usize> {
        let token = Some(Secret::new("token", site.token.clone()));
        let access = ServerAccess { url: url.parse().unwrap(), token, authority };
        let desk = RemoteDesk::new(access, &occasion(), Folders::in_home(folder.path()))?;
        Ok(desk.projects()?.len())
    };
    let file = |path: &Path| Authority::File(path.to_owned());
    let by_name = format!("https://localhost:{port}");
    assert_eq!(ask(&by_name, file(&authority)).unwrap(), 0);
    for (url, authority) in [
        (by_name.clone(), file(&other)),
        (by_name.clone(), Authority::System),
        // The certificate is for another name.
        (format!("https://127.0.0.1:{port}"), file(&authority)),
    ] {
        let failure = ask(&url, authority).unwrap_err();
        assert_eq!(failure.code, Code::Unavailable, "{failure}");
        assert!(failure.message.contains("certificate is not trusted"), "{failure}");
        assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains("KEYWARD_CA")), "{failure:?}");
    }
    // In the clear nobody answers there, and a file without certificates is none.
    assert!(ask(&format!("http://127.0.0.1:{port}"), Authority::System).is_err());
    std::fs::write(folder.path().join("empty.pem"), "nothing").unwrap();
    assert!(ask(&by_name, file(&folder.path().join("empty.pem"))).unwrap_err().message.contains("no certificate"));
    stop.stop();
    thread.join().unwrap();
}
