use std::borrow::Cow;
use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// A value that must not be seen. It has no `Display`, its `Debug` prints its name alone, it is
/// wiped when dropped, and [`Secret::expose`] is the one word to search for.
pub struct Secret<T: Zeroize> {
    name: Cow<'static, str>,
    value: Zeroizing<T>,
}

impl<T: Zeroize> Secret<T> {
    /// Takes the value into custody. `name` says what it is, and may be printed.
    pub fn new(name: impl Into<Cow<'static, str>>, value: T) -> Self {
        Self { name: name.into(), value: Zeroizing::new(value) }
    }

    /// The value itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &T {
        &self.value
    }

    /// What this is, without its value.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<T: Zeroize + Clone> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), value: self.value.clone() }
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_the_name_only() {
        let secret = Secret::new("OPENAI_API_KEY", String::from("the-value"));
        assert_eq!(format!("{secret:?}"), "Secret(OPENAI_API_KEY)");
        assert_eq!(secret.expose(), "the-value");
    }
}
