use crate::kit::Served;

#[test]
fn the_page_runs_nothing_and_loads_nothing_from_outside() {
    let served = Served::start();
    let page = served.raw("GET", "/", &[], b"");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let text = page.text();
    assert!(!text.contains("<script") && !text.contains("http://") && !text.contains("https://"), "{text}");
    assert!(text.contains("/api/v1/projects/{project}/environments/{environment}/values/{name}"));
    assert_eq!(served.raw("GET", "/style.css", &[], b"").header("content-type"), "text/css; charset=utf-8");
}
