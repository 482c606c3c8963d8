//! What surrounds every request: its number, the limits of time and place, the line in the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use keyward_client::{Attribute, Span, SpanKind, SystemClock, SystemRandom};
use keyward_types::{Clock, Random};

use crate::address::{self, Peer};
use crate::app::Edge;
use crate::origin::{Encrypted, Origin};
use crate::problem::Problem;
use crate::{scim, web};

/// Below which all comes out of the vault.
const API: &str = "/api/v1";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Numbers, times, counts and writes down a request, and turns what was refused into a problem. One
/// layer for all that surrounds a request: each further one costs a microsecond or two.
pub(crate) async fn account(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let (started, _under_way) = (Instant::now(), edge.metrics.request());
    let id = request_id(request.headers());
    let method = method_name(request.method());
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer(None));
    let client = address::client(peer, request.headers(), &edge.config.trusted_proxies);
    let encrypted = request.extensions().get::<Encrypted>().copied().unwrap_or(Encrypted(false));
    let trusted = &edge.config.trusted_proxies;
    let origin = Origin::of(encrypted, peer, request.uri(), request.headers(), trusted);
    request.extensions_mut().insert(client);
    request.extensions_mut().insert(origin);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let of_scim = request.uri().path().starts_with(scim::BASE);
    let span = edge.telemetry.as_ref().and_then(|telemetry| {
        let parent = request.headers().get("traceparent").and_then(|parent| parent.to_str().ok());
        telemetry.begin(SpanKind::Server, SystemClock.now(), parent)
    });
    let path = request.uri().path();
    let of_vault = of_scim || path.starts_with(API) || path.starts_with(crate::feed::BASE);
    let limit = Duration::from_secs(edge.config.limits.request_seconds);
    let mut response = match refused(&edge, &request) {
        Some(problem) => problem.into_response(),
        None => match tokio::time::timeout(limit, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::of_status(StatusCode::REQUEST_TIMEOUT).into_response(),
        },
    };
    // Answers about secrets are kept by nobody on the way.
    if of_vault {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let status = response.status();
    let mut code = "";
    let is_page = response.extensions().get::<web::Page>().is_some();
    if (status.is_client_error() || status.is_server_error()) && !is_page {
        let problem = response.extensions_mut().remove::<Problem>().unwrap_or_else(|| Problem::of_status(status));
        let allow = response.headers_mut().remove(header::ALLOW);
        code = problem.code();
        if matches!(code, "internal" | "unavailable") {
            edge.metrics.store_failed();
        }
        response = match of_scim {
            true => scim::answer(&problem, &response),
            false => problem.answer(&id),
        };
        // RFC 9110, 15.5.6: whoever is refused a method is told which there are.
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let (route, took) = (route.as_ref().map_or("none", MatchedPath::as_str), started.elapsed());
    edge.metrics.answered(method, route, status.as_u16(), took);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let trace = span.as_ref().map(Span::trace_id).unwrap_or_default();
    if let (Some(telemetry), Some(span)) = (&edge.telemetry, span) {
        let word = |word: &str| Attribute::Word(word.to_owned());
        let span = span.ended(format!("{method} {route}"), took, status.is_server_error());
        let span = span.with("http.request.method", word(method)).with("http.route", word(route));
        let span = span.with("http.response.status_code", Attribute::Number(status.as_u16().into()));
        telemetry.end(if code.is_empty() { span } else { span.with("error.type", word(code)) });
    }
    tracing::info!(target: "keyward::request", id, method, route, status = status.as_u16(), code, micros, trace);
    response
}

/// What is not to be taken apart further: other hosts' requests, addresses that are not allowed, paths
/// that two readers could read differently.
fn refused(edge: &Edge, request: &Request) -> Option<Problem> {
    let client = request.extensions().get::<address::Client>().and_then(|client| client.0);
    let allow = &edge.config.allow;
    if !allow.is_empty() && client.is_some_and(|client| !address::contains(allow, client)) {
        return Some(Problem::new(StatusCode::FORBIDDEN, "network", "this server does not serve your network"));
    }
    let reached_by_socket = request.extensions().get::<Peer>().is_none_or(|peer| peer.0.is_none());
    if !reached_by_socket && !is_ours(&host(request.uri(), request.headers()), &edge.config.hosts) {
        let problem = Problem::new(StatusCode::MISDIRECTED_REQUEST, "host", "this server is not called by that name");
        return Some(problem.hint("call it by 127.0.0.1 or localhost, or name it in `hosts`"));
    }
    if !is_plain(request.uri().path()) {
        let problem = Problem::new(
            StatusCode::BAD_REQUEST,
            "path",
            "the path holds `.`, `..`, an empty part or an encoded slash",
        );
        return Some(problem.hint("write each name as it is; names need no encoding"));
    }
    None
}

/// A caller's own number for his request, where it can stand in a log; else a fresh one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let fits = |id: &&str| {
        (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    given.filter(fits).map_or_else(fresh_id, str::to_owned)
}

/// Unique among the servers' lives by its first half, in one life by the second.
fn fresh_id() -> String {
    static LIFE: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let life = LIFE.get_or_init(|| {
        let mut bytes = [0; 8];
        // Without randomness numbers repeat, which harms no one but the reader of logs.
        let _ = SystemRandom.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    });
    format!("{life:016x}-{:x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Methods as they are counted: whoever makes one up gets no series of his own.
fn method_name(method: &axum::http::Method) -> &'static str {
    use axum::http::Method;
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// By what name and port a request calls us.
pub(crate) fn named<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a str {
    let named = uri.authority().map(|authority| authority.as_str());
    named.or_else(|| headers.get(header::HOST).and_then(|host| host.to_str().ok())).unwrap_or_default()
}

/// The host that a request is for, without its port.
fn host(uri: &Uri, headers: &HeaderMap) -> String {
    let named = named(uri, headers);
    let named = named.rsplit_once('@').map_or(named, |(_, host)| host);
    let without_port = match named.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => named.split(':').next().unwrap_or_default(),
    };
    without_port.trim_end_matches('.').to_ascii_lowercase()
}

/// A page of a foreign site whose name was made to point here (DNS rebinding) calls by that name.
fn is_ours(host: &str, names: &[String]) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok() || names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// Whether a path has one reading: no empty or dot segments, nothing encoded that would be one.
fn is_plain(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let encoded = ["%2f", "%5c", "%2e", "%00"].iter().any(|coded| lower.contains(coded));
    let odd = path.split('/').skip(1).any(|part| matches!(part, "." | ".."));
    !encoded && !odd && !path.contains("//") && !path.contains('\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_in_every_spelling() {
        let of = |host: &'static str| {
            let headers = [(header::HOST, HeaderValue::from_static(host))].into_iter().collect();
            super::host(&Uri::from_static("/"), &headers)
        };
        assert_eq!(of("LocalHost:8200"), "localhost");
        assert_eq!(of("[::1]:8200"), "::1");
        assert_eq!(of("127.0.0.1"), "127.0.0.1");
        assert_eq!(of("localhost@evil.example:1"), "evil.example");
        assert_eq!(of("kw.example."), "kw.example");
        let absolute = Uri::from_static("http://evil.example/api");
        assert_eq!(super::host(&absolute, &HeaderMap::new()), "evil.example");
    }

    #[test]
    fn a_foreign_name_is_refused() {
        for ours in ["localhost", "127.0.0.1", "::1", "10.0.0.5", "kw.example"] {
            assert!(is_ours(ours, &["KW.example".into()]), "{ours}");
        }
        for foreign in ["", "evil.example", "localhost.evil.example", "127.0.0.1.nip.example"] {
            assert!(!is_ours(foreign, &["kw.example".into()]), "{foreign}");
        }
    }

    #[test]
    fn paths_have_one_reading() {
        assert!(is_plain("/api/v1/projects/shop/environments/production/secrets/team/STRIPE.KEY"));
        assert!(is_plain("/"));
        for odd in ["/a/../b", "/a/./b", "/a//b", "/a%2Fb", "/a%2fb", "/%2e%2e/a", "/a%00", "/a\\b", "/a/%5Cb"] {
            assert!(!is_plain(odd), "{odd}");
        }
    }

    #[test]
    fn numbers_of_callers_are_taken_where_they_are_harmless() {
        let of = |id: &str| {
            let headers = [(REQUEST_ID, HeaderValue::from_str(id).unwrap())].into_iter().collect();
            request_id(&headers)
        };
        assert_eq!(of("build-4711_a"), "build-4711_a");
        for odd in ["short", "with space in it", "<script>alert</script>", &"x".repeat(65)] {
            assert_ne!(of(odd), odd);
        }
        assert_ne!(fresh_id(), fresh_id());
    }
}
