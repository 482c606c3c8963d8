//! A screen as an SVG that needs no font of its own: every run of like cells is
//! placed and stretched to its columns.

use std::fmt::Write as _;

use super::screen::{Cell, Screen, Style};

const CELL: f64 = 8.4;
const LINE: f64 = 20.0;
const MARGIN: f64 = 16.0;
const BAR: f64 = 36.0;
const PAPER: &str = "#16181d";
const INK: &str = "#d5d9e0";
/// Black to white, then their bright forms.
const COLOURS: [&str; 16] = [
    "#3b4048", "#e5707a", "#8fc379", "#e3bf78", "#67aef0", "#c67fdd", "#5bb7c2", "#b8bec9", "#6b7280", "#f08a93",
    "#a6d68f", "#f0d08f", "#86c1f5", "#d79ce8", "#7fcdd6", "#f3f4f6",
];

/// The whole picture; `title` stands in the window's bar and is what a screen reader says.
pub(super) fn render(screen: &Screen, title: &str) -> String {
    let width = screen.width() as f64 * CELL + 2.0 * MARGIN;
    let height = BAR + screen.rows().len() as f64 * LINE + MARGIN;
    let title = escaped(title);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{title}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{PAPER}\"/>\n\
         <g fill=\"#4b515c\"><circle cx=\"20\" cy=\"18\" r=\"5\"/><circle cx=\"38\" cy=\"18\" r=\"5\"/>\
         <circle cx=\"56\" cy=\"18\" r=\"5\"/></g>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\" \
         fill=\"{INK}\" xml:space=\"preserve\">\n\
         <text x=\"{:.0}\" y=\"23\" text-anchor=\"middle\" fill=\"#8b919d\">{title}</text>\n",
        width / 2.0
    );
    for (number, row) in screen.rows().iter().enumerate() {
        let y = BAR + (number as f64 + 0.75) * LINE;
        let mut column = 0;
        for run in row.chunk_by(|a, b| a.style == b.style) {
            put_run(&mut svg, run, column, y);
            column += run.len();
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn put_run(svg: &mut String, run: &[Cell], column: usize, y: f64) {
    let text: String = run.iter().map(|cell| cell.character).collect();
    if text.trim().is_empty() {
        return;
    }
    let x = MARGIN + column as f64 * CELL;
    let length = run.len() as f64 * CELL;
    let look = attributes(run[0].style);
    let text = escaped(&text);
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.0}\" textLength=\"{length:.1}\"{look}>{text}</text>");
}

fn attributes(style: Style) -> String {
    let mut attributes = String::new();
    if let Some(colour) = style.colour.and_then(|colour| COLOURS.get(usize::from(colour))) {
        let _ = write!(attributes, " fill=\"{colour}\"");
    }
    for (on, attribute) in [
        (style.bold, " font-weight=\"bold\""),
        (style.dim, " opacity=\"0.65\""),
        (style.underline, " text-decoration=\"underline\""),
    ] {
        attributes.push_str(if on { attribute } else { "" });
    }
    attributes
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_one_text_at_its_column() {
        let svg = render(&Screen::of(b"ab \x1b[1;31m<x>\x1b[0m\n", 10), "a & b");
        assert!(svg.contains("<text x=\"16.0\" y=\"51\" textLength=\"25.2\">ab </text>"), "{svg}");
        assert!(svg.contains("fill=\"#e5707a\" font-weight=\"bold\">&lt;x&gt;</text>"), "{svg}");
        assert!(svg.contains("aria-label=\"a &amp; b\""), "{svg}");
        assert_eq!(svg.matches("<text").count(), 3, "{svg}");
    }
}
