//! Where requests go: the catalogue's services, and those that the operator described.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use keyward_access::UpstreamUrl;
use keyward_client::{Failure, Result};
use keyward_gateway::keyed::{Hash, Keyed, Writing};
use keyward_gateway::{Glob, Injection, Interface, KeyedHeader, Price, Prices, Shape, Signing, Transport, Upstream};
use keyward_providers::{Basic, ErrorShape, OwnForm, OwnHmac, OwnService, OwnSigning, Reader, SendPlace};
use keyward_types::HttpAddress;

/// Services by id.
pub(super) struct Services {
    own: BTreeMap<String, OwnService>,
    made: Mutex<Made>,
}

/// What was made already, by id and address.
type Made = HashMap<(String, Option<String>), Arc<Upstream>>;

/// Longest description, in bytes.
const LONGEST: u64 = 64 << 10;

impl Services {
    /// Reads the descriptions of services that the catalogue lacks.
    ///
    /// # Errors
    /// When a file cannot be read or describes none.
    pub(super) fn read(files: &[PathBuf]) -> Result<Self> {
        let mut own = BTreeMap::new();
        for file in files {
            let wrong = |why: String| Failure::usage(format!("`{}`: {why}", file.display()));
            let length = std::fs::metadata(file).map_err(|error| wrong(error.to_string()))?.len();
            if length > LONGEST {
                return Err(wrong("it is longer than 64 KiB".into()));
            }
            let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
            let service = OwnService::parse(&text).map_err(|error| wrong(error.to_string()))?;
            if let Some(sign) = &service.sign {
                signing(sign).map_err(wrong)?;
            }
            if let Some(twice) = own.insert(service.id.clone(), service) {
                return Err(wrong(format!("a service `{}` is described already", twice.id)));
            }
        }
        Ok(Self { own, made: Mutex::default() })
    }

    /// The ids of those that the catalogue lacks.
    pub(super) fn own_ids(&self) -> BTreeSet<String> {
        self.own.keys().cloned().collect()
    }

    /// Where requests to this service go, or to this address of it.
    ///
    /// # Errors
    /// When it is not known how it is reached.
    pub(super) fn upstream(&self, id: &str, address: Option<&UpstreamUrl>) -> Result<Arc<Upstream>> {
        let at = (id.to_owned(), address.map(|address| address.as_str().to_owned()));
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(&at) {
            return Ok(Arc::clone(known));
        }
        let upstream = match self.own.get(id) {
            Some(own) => of_own(own, address),
            None => of_catalogue(id, address),
        };
        let upstream = Arc::new(upstream?);
        made.insert(at, Arc::clone(&upstream));
        Ok(upstream)
    }
}

fn of_catalogue(id: &str, address: Option<&UpstreamUrl>) -> Result<Upstream> {
    let unknown = || Failure::usage(format!("it is not known where requests to `{id}` go"));
    let service = keyward_providers::provider(id).ok_or_else(unknown)?;
    let inject = service.inject.ok_or_else(unknown)?;
    let url = address.map(UpstreamUrl::as_str).or(inject.base_url.filter(|_| !inject.needs_upstream()));
    let place = HttpAddress::of(url.ok_or_else(unknown)?).ok_or_else(unknown)?;
    let forms = inject.forms.iter().map(|form| match *form {
        SendPlace::Header(name, before) => header(name, before),
        SendPlace::Query(name) => Some(Injection::Query(name.into())),
        SendPlace::Basic(part) => Some(basic(part)),
    });
    let prices = service.meter.iter().flat_map(|meter| meter.prices).map(|(model, price)| priced(model, price));
    Ok(Upstream {
        provider: id.into(),
        injection: together(forms).ok_or_else(unknown)?,
        interface: service.meter.map(|meter| interface(meter.reader)),
        prices: Arc::new(Prices { models: prices.collect(), call: None }),
        shape: shape(inject.errors),
        // Where a server listens at ports of its own, they are as its owner says.
        grpc_port: inject.grpc_port.filter(|_| inject.base_url.and_then(port_in) == place.port),
        // Only what its owner named may lie on this machine.
        private: address.is_some() && place.is_this_machine(),
        ..upstream_at(&place)
    })
}

fn of_own(own: &OwnService, address: Option<&UpstreamUrl>) -> Result<Upstream> {
    let unknown = || Failure::usage(format!("it is not known where requests to `{}` go", own.id));
    let url = address.map_or(own.base_url.as_str(), UpstreamUrl::as_str);
    let place = HttpAddress::of(url).ok_or_else(unknown)?;
    let forms = own.forms.iter().map(|form| match form {
        OwnForm::Header(name, before) => header(name, before),
        OwnForm::Query(name) => Some(Injection::Query(name.as_str().into())),
        OwnForm::Basic(part) => Some(basic(*part)),
    });
    let injection = match &own.sign {
        Some(sign) => Some(Injection::Sign(Arc::new(signing(sign).map_err(Failure::usage)?))),
        None => together(forms),
    };
    let transport = match (place.tls, own.allow_plain) {
        (true, _) => Transport::Tls,
        (false, true) => Transport::PlainAnywhere,
        (false, false) => Transport::Plain,
    };
    let prices = own.prices.iter().map(|(model, price)| priced(model, price));
    Ok(Upstream {
        provider: own.id.as_str().into(),
        injection: injection.ok_or_else(unknown)?,
        interface: own.reader.map(interface),
        prices: Arc::new(Prices { models: prices.collect(), call: None }),
        shape: shape(own.errors),
        private: own.allow_private || address.is_some() && place.is_this_machine(),
        transport,
        ..upstream_at(&place)
    })
}

/// The port that a URL names, whatever its host is to be.
fn port_in(url: &str) -> Option<u16> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    authority.rsplit_once(':')?.1.parse().ok()
}

/// What is to be reached there.
fn upstream_at(place: &HttpAddress<'_>) -> Upstream {
    Upstream {
        provider: "".into(),
        host: place.bare_host().into(),
        port: place.port.unwrap_or(place.default_port()),
        grpc_port: None,
        transport: if place.tls { Transport::Tls } else { Transport::Plain },
        base_path: place.path.trim_end_matches('/').into(),
        injection: Injection::Basic,
        headers: Box::default(),
        interface: None,
        prices: Arc::default(),
        shape: Shape::Plain,
        redaction: true,
        private: false,
    }
}

/// How requests are signed, or what is wrong with it.
fn signing(sign: &OwnSigning) -> std::result::Result<Signing, String> {
    let hmac = match sign {
        OwnSigning::Aws { service, region } => {
            return Ok(Signing::Aws { region: region.as_str().into(), service: service.as_str().into() });
        }
        OwnSigning::Hmac(hmac) => hmac,
    };
    let OwnHmac { over, header, prefix, sha512, base64, time, name } = hmac;
    let hash = if *sha512 { Hash::Sha512 } else { Hash::Sha256 };
    let writing = if *base64 { Writing::Base64 } else { Writing::Hex };
    let keyed = Keyed::parse(over, hash, writing).map_err(|odd| {
        format!(
            "`{}` is no part of a request: there are {{method}}, {{host}}, {{path}}, {{query}}, {{body}}, {{body_hash}}, {{seconds}} and {{millis}}",
            odd.0.escape_debug()
        )
    })?;
    let named = |name: &String| name.parse().map_err(|_| format!("`{}` is no header", name.escape_debug()));
    Ok(Signing::Keyed(Box::new(KeyedHeader {
        keyed,
        header: named(header)?,
        prefix: prefix.as_str().into(),
        time: time.as_ref().map(named).transpose()?,
        name: name.as_ref().map(named).transpose()?,
    })))
}

fn header(name: &str, before: &str) -> Option<Injection> {
    name.parse().ok().map(|name| Injection::Header(name, before.into()))
}

fn basic(part: Basic) -> Injection {
    match part {
        Basic::User => Injection::BasicUser,
        Basic::Password => Injection::BasicPassword("".into()),
    }
}

/// All of them at once; `None` where there is none or one that cannot be.
fn together(forms: impl Iterator<Item = Option<Injection>>) -> Option<Injection> {
    let forms: Option<Vec<Injection>> = forms.collect();
    forms?.into_iter().reduce(|one, other| Injection::Both(Box::new(one), Box::new(other)))
}

fn interface(reader: Reader) -> Interface {
    match reader {
        Reader::OpenAi => Interface::OpenAi,
        Reader::Anthropic => Interface::Anthropic,
        Reader::Cohere => Interface::Cohere,
        Reader::Gemini => Interface::Gemini,
    }
}

fn shape(errors: ErrorShape) -> Shape {
    match errors {
        ErrorShape::OpenAi => Shape::OpenAi,
        ErrorShape::Anthropic => Shape::Anthropic,
        ErrorShape::Cohere => Shape::Cohere,
        ErrorShape::Google => Shape::Google,
        ErrorShape::Qdrant => Shape::Qdrant,
        ErrorShape::PostgRest => Shape::PostgRest,
        ErrorShape::Plain => Shape::Plain,
    }
}

fn priced(model: &str, price: &keyward_providers::Price) -> (Glob, Price) {
    let keyward_providers::Price { input, cached, cache_write, output, call, max_output } = *price;
    let max_output = max_output.unwrap_or(0);
    (Glob::name(model), Price { input, cached, cache_write, output, call, max_output })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services() -> Services {
        Services::read(&[]).expect("there is no file")
    }

    #[test]
    fn the_catalogues_services_go_where_it_says() {
        let openai = services().upstream("openai", None).expect("it is known");
        assert_eq!((&*openai.host, openai.port, openai.transport), ("api.openai.com", 443, Transport::Tls));
        assert!(!openai.private && openai.redaction && openai.prices.of("gpt-4o").is_some());
        assert!(
            matches!(&openai.injection, Injection::Header(name, before) if name == "authorization" && &**before == "Bearer ")
        );
        let both = services().upstream("supabase", Some(&"https://abc.supabase.co".parse().expect("it is an address")));
        assert!(matches!(both.expect("it is known").injection, Injection::Both(..)));
        assert!(services().upstream("qdrant", None).is_err(), "each account has a host of its own");
        assert!(services().upstream("nobody", None).is_err());
    }

    #[test]
    fn an_address_of_this_machine_is_reached_because_its_owner_named_it() {
        let local = |url: &str| {
            services().upstream("qdrant", Some(&url.parse().expect("it is an address"))).expect("it is known")
        };
        let one = local("http://127.0.0.1:6333/base");
        assert_eq!(
            (&*one.host, one.port, one.transport, &*one.base_path),
            ("127.0.0.1", 6333, Transport::Plain, "/base")
        );
        assert!(one.private);
        assert_eq!((&*local("http://[::1]:9").host, local("https://x.example").private), ("::1", false));
    }

    #[test]
    fn described_services_are_read_once_each() {
        let folder = tempfile::tempdir().expect("there is room");
        let file = folder.path().join("billing.toml");
        let text = "id = \"billing\"\nbase_url = \"http://billing.internal/api\"\nforms = [{ header = \"X-Api-Key\" }]\nallow_private = true\nallow_plain = true\n";
        std::fs::write(&file, text).expect("it is written");
        let services = Services::read(std::slice::from_ref(&file)).expect("it is one");
        let billing = services.upstream("billing", None).expect("it is known");
        assert_eq!((billing.transport, billing.port, billing.private), (Transport::PlainAnywhere, 80, true));
        assert!(Services::read(&[file.clone(), file]).is_err());
        assert!(Services::read(&[folder.path().join("missing.toml")]).is_err());
    }
}
