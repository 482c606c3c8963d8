//! A text as a QR code (ISO/IEC 18004), in a form that a page draws by itself: no image is made here,
//! and none is loaded there.

use qrcode::{Color, EcLevel, QrCode};
use serde::Serialize;
use utoipa::ToSchema;

/// Dark squares on a light ground.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Drawn {
    /// Squares on a side, the quiet ones around it included.
    size: usize,
    /// The dark ones as the path of an SVG (`d`), in squares.
    path: String,
}

/// Squares around a code that stay light (ISO/IEC 18004, 9.1).
const QUIET: usize = 4;

/// The code of a text; `None` for one that is too long for any.
pub(super) fn drawn(text: &str) -> Option<Drawn> {
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).ok()?;
    let (width, squares) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (y, row) in squares.chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            let run = row[x..].iter().take_while(|square| **square == Color::Dark).count();
            if run > 0 {
                path.push_str(&format!("M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET));
            }
            x += run.max(1);
        }
    }
    Some(Drawn { size: width + 2 * QUIET, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The squares of a path, as a reader of SVG fills them.
    fn filled(drawn: &Drawn) -> Vec<Vec<bool>> {
        let mut squares = vec![vec![false; drawn.size]; drawn.size];
        for run in drawn.path.split('M').filter(|run| !run.is_empty()) {
            let (place, rest) = run.split_once('h').unwrap();
            let (x, y) = place.split_once(' ').unwrap();
            let length: usize = rest.split_once('v').unwrap().0.parse().unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            squares[y][x..x + length].fill(true);
        }
        squares
    }

    #[test]
    fn every_square_is_that_of_the_code_and_its_rim_is_quiet() {
        let text = format!("otpauth://totp/keyward:ada%40example.com?secret={}&digits=6", "A7".repeat(16));
        let drawn = drawn(&text).unwrap();
        let squares = filled(&drawn);
        let code = QrCode::with_error_correction_level(&text, EcLevel::M).unwrap();
        for (y, row) in squares.iter().enumerate() {
            for (x, dark) in row.iter().enumerate() {
                let inside = (QUIET..drawn.size - QUIET).contains(&x) && (QUIET..drawn.size - QUIET).contains(&y);
                let expected = inside && code[(x - QUIET, y - QUIET)] == Color::Dark;
                assert_eq!(*dark, expected, "{x} {y}");
            }
        }
        // The three corners by which readers find it: seven dark squares, a light ring in them.
        for (x, y) in [(QUIET, QUIET), (drawn.size - QUIET - 7, QUIET), (QUIET, drawn.size - QUIET - 7)] {
            assert!((0..7).all(|i| squares[y][x + i] && squares[y + i][x]) && !squares[y + 1][x + 1]);
        }
    }

    #[test]
    fn what_is_too_long_is_not_drawn() {
        assert!(drawn(&"x".repeat(3000)).is_none());
    }
}
