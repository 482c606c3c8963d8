//! The nouns of keyward.
