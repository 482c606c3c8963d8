//! The picture of it: what the browser has, beside what the terminal said.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use keyward_testing::chromium::Chromium;
use serde_json::json;

use crate::page::Page;

/// Where it is to lie, if anybody wants it.
#[expect(clippy::disallowed_methods, reason = "whoever wants the picture says so")]
pub(crate) fn wanted() -> Option<PathBuf> {
    let file = PathBuf::from(std::env::var_os("KEYWARD_PICTURE")?);
    // Tests run in their crate's folder; whoever asks is in the repository's.
    Some(if file.is_absolute() { file } else { Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file) })
}

/// What was there before, and what the command said.
pub(crate) struct Told<'a> {
    pub(crate) before: &'a str,
    pub(crate) command: &'a str,
    pub(crate) said: &'a str,
}

const STYLE: &str = "
    body { margin: 0; padding: 20px; background: #eef1f5; font: 15px system-ui, sans-serif; color: #1c2430; }
    main { display: grid; grid-template-columns: 400px 1fr; gap: 20px; align-items: stretch; }
    section { background: #fff; border-radius: 10px; box-shadow: 0 1px 5px #0003; overflow: hidden; }
    h2 { margin: 0; padding: 9px 14px; font-size: 13px; background: #dde3ea; color: #4a5563; }
    img { width: 400px; display: block; }
    pre { margin: 0; padding: 14px; font: 13px/1.55 'DejaVu Sans Mono', monospace; white-space: pre-wrap; }
    .terminal { background: #14181e; color: #dfe5ec; }
    .terminal h2 { background: #272e37; color: #9fabb9; }
    .terminal b { color: #7fd88f; } .terminal i { color: #9fabb9; font-style: normal; }
    p { margin: 16px 4px 0; font-size: 16px; }";

/// Draws it. The page goes on being in use meanwhile.
pub(crate) fn draw(page: &mut Page, told: &Told<'_>, file: &Path) {
    let shot = screenshot(&mut page.browser, 400, 480);
    let (after, served) = (page.keeps_in(), page.served());
    let failed = page.browser.see("use.failed.length");
    let terminal = [
        format!("<i>the page's server keeps conversations in\n  {}</i>", escaped(told.before)),
        format!("<b>$ {}</b>\n{}", escaped(told.command), escaped(told.said.trim())),
        format!("<i>and now, never stopped, in\n  {}</i>", escaped(&after)),
    ];
    let html = format!(
        "<!doctype html><meta charset=utf-8><style>{STYLE}</style><main>\
         <section><h2>the page, in use the whole time</h2><img src='data:image/png;base64,{shot}'></section>\
         <section class=terminal><h2>terminal</h2><pre>{}</pre></section></main>\
         <p>{served} questions asked meanwhile, each kept in PostgreSQL: {failed} failed.</p>",
        terminal.join("\n\n")
    );
    let folder = tempfile::tempdir().unwrap();
    let sheet = folder.path().join("picture.html");
    std::fs::write(&sheet, html).unwrap();
    let mut browser = Chromium::start();
    browser.open(&format!("file://{}", sheet.display()));
    let picture = screenshot(&mut browser, 1080, 610);
    std::fs::write(file, BASE64.decode(picture.as_bytes()).unwrap()).unwrap();
}

fn screenshot(browser: &mut Chromium, width: u32, height: u32) -> String {
    let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1.5, "mobile": false });
    browser.call("Emulation.setDeviceMetricsOverride", size);
    let shot = browser.call("Page.captureScreenshot", json!({ "format": "png" }));
    shot["data"].as_str().unwrap().to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
