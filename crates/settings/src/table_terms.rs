//! How a table is written, as the user says it.

use lockstep_data::{Delimiter, TextEncoding};
use lockstep_flags::{Form, Kind};

/// The kind of `--delimiter`.
pub(crate) const DELIMITER: Kind<Delimiter> = Kind::Read {
    form: Form::Text,
    placeholder: "CHAR",
    valid: "one ASCII character that is not a letter, a digit or a quote, or tab, comma, semicolon, \
            pipe or space",
    read: Delimiter::named,
};

/// The kind of `--encoding`.
pub(crate) const ENCODING: Kind<TextEncoding> = Kind::Read {
    form: Form::Text,
    placeholder: "NAME",
    valid: "utf-8, utf-16, windows-1252, latin-1 or another name of the WHATWG Encoding Standard",
    read: TextEncoding::named,
};
