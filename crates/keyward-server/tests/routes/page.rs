use crate::kit::Served;

#[test]
fn the_page_runs_our_script_alone_and_loads_nothing_from_outside() {
    let served = Served::start();
    let page = served.raw("GET", "/", &[], b"");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    for part in
        ["default-src 'none'", "script-src 'self'", "form-action 'none'", "frame-ancestors 'none'", "base-uri 'none'"]
    {
        assert!(policy.contains(part) && !policy.contains("unsafe"), "{policy}");
    }
    let text = page.text();
    assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
    assert_eq!(text.matches("<script").count(), 1);
    let script = served.raw("GET", "/app.js", &[], b"");
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    assert!(!script.text().contains("http://") && !script.text().contains("https://"));
    assert!(text.contains("<code>/projects/{project}/environments/{environment}/values/{name}</code>"));
    assert_eq!(served.raw("GET", "/style.css", &[], b"").header("content-type"), "text/css; charset=utf-8");
}
