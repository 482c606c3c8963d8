//! What a terminal shows after the bytes that it got: lines of coloured cells.
//! Only what line-by-line programs use is understood: colours, carriage return,
//! backspace, tab and erasing a line.

/// Rows of cells, as long as what was written.
pub(super) struct Screen {
    rows: Vec<Vec<Cell>>,
    width: usize,
    column: usize,
    style: Style,
}

/// One character and how it looks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Cell {
    pub(super) character: char,
    pub(super) style: Style,
}

/// How a character looks.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(super) struct Style {
    /// One of the terminal's sixteen colours; `None` is its own.
    pub(super) colour: Option<u8>,
    pub(super) bold: bool,
    pub(super) dim: bool,
    pub(super) underline: bool,
}

impl Screen {
    /// The screen, `width` columns wide, after `bytes`.
    pub(super) fn of(bytes: &[u8], width: usize) -> Self {
        let mut screen = Self { rows: vec![Vec::new()], width, column: 0, style: Style::default() };
        let text = String::from_utf8_lossy(bytes);
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\x1b' => screen.escape(&mut characters),
                '\n' => screen.rows.push(Vec::new()),
                '\r' => screen.column = 0,
                '\x08' => screen.column = screen.column.saturating_sub(1),
                '\t' => screen.column = (screen.column / 8 + 1) * 8,
                character if character.is_control() => {}
                character => screen.put(character),
            }
        }
        while screen.rows.last().is_some_and(Vec::is_empty) {
            screen.rows.pop();
        }
        screen
    }

    pub(super) fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> String {
        let line = |row: &Vec<Cell>| row.iter().map(|cell| cell.character).chain(['\n']).collect::<String>();
        self.rows.iter().map(line).collect()
    }

    fn put(&mut self, character: char) {
        if self.column >= self.width {
            self.rows.push(Vec::new());
            self.column = 0;
        }
        let cell = Cell { character, style: self.style };
        let blank = Cell { character: ' ', style: Style::default() };
        let row = self.row();
        let (row, column) = (row.0, row.1);
        if row.len() <= column {
            row.resize(column + 1, blank);
        }
        row[column] = cell;
        self.column += 1;
    }

    fn row(&mut self) -> (&mut Vec<Cell>, usize) {
        let last = self.rows.len() - 1;
        (&mut self.rows[last], self.column)
    }

    /// What follows an escape character: a control sequence is obeyed or skipped, a title skipped.
    fn escape(&mut self, characters: &mut std::str::Chars<'_>) {
        match characters.next() {
            Some('[') => {
                let mut parameters = String::new();
                for character in characters.by_ref() {
                    if ('@'..='~').contains(&character) {
                        return self.control(character, &parameters);
                    }
                    parameters.push(character);
                }
            }
            Some(']') => {
                for character in characters.by_ref() {
                    if character == '\x07' || character == '\\' {
                        return;
                    }
                }
            }
            _ => {}
        }
    }

    fn control(&mut self, name: char, parameters: &str) {
        match name {
            'm' => self.style.change(parameters),
            'K' => {
                let (row, column) = self.row();
                row.truncate(column);
            }
            'G' => self.column = parameters.parse::<usize>().unwrap_or(1).saturating_sub(1),
            _ => {}
        }
    }
}

impl Style {
    /// Select Graphic Rendition (ECMA-48, 8.3.117), as far as it is used.
    fn change(&mut self, parameters: &str) {
        let mut codes = parameters.split(';').map(|code| code.parse::<u8>().unwrap_or(0));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                4 => self.underline = true,
                22 => (self.bold, self.dim) = (false, false),
                24 => self.underline = false,
                30..=37 => self.colour = Some(code - 30),
                90..=97 => self.colour = Some(code - 90 + 8),
                39 => self.colour = None,
                // One of 256 colours: the first sixteen are the terminal's own.
                38 if codes.next() == Some(5) => self.colour = codes.next().filter(|colour| *colour < 16),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_begin_and_end() {
        let screen = Screen::of(b"a\x1b[1;31mb\x1b[0mc\x1b[38;5;10md", 80);
        let styles: Vec<_> = screen.rows()[0].iter().map(|cell| (cell.style.colour, cell.style.bold)).collect();
        assert_eq!(styles, [(None, false), (Some(1), true), (None, false), (Some(10), false)]);
    }

    #[test]
    fn a_line_that_is_written_anew_shows_its_last_state() {
        let screen = Screen::of(b"working 1%\r\x1b[Kdone\r\nlong\rA\x1b]0;title\x07\r\n", 80);
        assert_eq!(screen.text(), "done\nAong\n");
    }

    #[test]
    fn a_long_line_is_wrapped() {
        assert_eq!(Screen::of(b"abcdef\r\ng\th", 4).text(), "abcd\nef\ng\nh\n");
    }
}
