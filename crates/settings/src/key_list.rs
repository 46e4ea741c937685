//! How a table of keys is written.

/// Makes each row a static, and the list of all.
macro_rules! keys {
    ($($name:ident: $type:ty = $key:expr;)*) => {
        $(
            #[expect(missing_docs, reason = "the row has its meaning")]
            pub static $name: Key<$type> = $key;
        )*

        /// All keys, in the order in which they are listed and written.
        pub static ALL: &Entries = &[$(&$name),*];
    };
}

pub(crate) use keys;
