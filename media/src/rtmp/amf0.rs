//! AMF 0 (Adobe, "Action Message Format - AMF 0", 2006): the values in commands and metadata. References, typed
//! objects with class semantics and AMF 3 are not used by publishers and refused.

use bytes::{BufMut, BytesMut};

/// How deep objects may lie in each other.
pub const DEPTH_MAX: usize = 8;
/// The most values in one message, names not counted.
pub const VALUES_MAX: usize = 1_024;
/// The longest string, bytes.
pub const STRING_BYTES_MAX: usize = 64 * 1024;

const NUMBER: u8 = 0;
const BOOLEAN: u8 = 1;
const STRING: u8 = 2;
const OBJECT: u8 = 3;
const NULL: u8 = 5;
const UNDEFINED: u8 = 6;
const ECMA_ARRAY: u8 = 8;
const OBJECT_END: u8 = 9;
const STRICT_ARRAY: u8 = 10;
const DATE: u8 = 11;
const LONG_STRING: u8 = 12;
const UNSUPPORTED: u8 = 13;
const XML: u8 = 15;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The only kind of number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Text; bytes that are no UTF-8 are replaced.
    String(String),
    /// Names and values, in order.
    Object(Vec<(String, Value)>),
    /// The same, marked as an array: what `onMetaData` carries.
    EcmaArray(Vec<(String, Value)>),
    /// Values without names.
    Array(Vec<Value>),
    /// Milliseconds since the Unix epoch.
    Date(f64),
    /// Nothing.
    Null,
    /// Not even nothing.
    Undefined,
}

/// Why bytes are not AMF 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Amf0Error {
    /// They end too early.
    #[error("AMF ends too early")]
    Truncated,
    /// A kind of value that is not supported.
    #[error("AMF value of unknown kind {0}")]
    Kind(u8),
    /// Deeper than [`DEPTH_MAX`], more than [`VALUES_MAX`], or a string of more than [`STRING_BYTES_MAX`].
    #[error("AMF value is too large")]
    TooLarge,
}

impl Value {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A property of an object or array with names.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(pairs) | Value::EcmaArray(pairs) => {
                pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.to_owned())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Number(number)
    }
}

/// An object of these properties.
pub fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Object(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// All values of a message.
///
/// # Errors
/// When it is cut, larger than the limits or holds something unknown.
pub fn decode(bytes: &[u8]) -> Result<Vec<Value>, Amf0Error> {
    let mut reader = Reader { rest: bytes, values: 0 };
    let mut values = Vec::new();
    while !reader.rest.is_empty() {
        values.push(reader.value(0)?);
    }
    Ok(values)
}

/// The first value if it is a text, and where the next one begins: enough to tell what a message is.
pub fn leading_string(bytes: &[u8]) -> Option<(String, usize)> {
    let mut reader = Reader { rest: bytes, values: 0 };
    match reader.value(0).ok()? {
        Value::String(text) => Some((text, bytes.len() - reader.rest.len())),
        _ => None,
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    values: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, Amf0Error> {
        self.values += 1;
        if depth > DEPTH_MAX || self.values > VALUES_MAX {
            return Err(Amf0Error::TooLarge);
        }
        let [kind] = self.array()?;
        match kind {
            NUMBER => Ok(Value::Number(f64::from_be_bytes(self.array()?))),
            BOOLEAN => Ok(Value::Boolean(self.array::<1>()? != [0])),
            STRING => self.short_string().map(Value::String),
            OBJECT => self.pairs(depth).map(Value::Object),
            NULL | UNSUPPORTED => Ok(Value::Null),
            UNDEFINED => Ok(Value::Undefined),
            ECMA_ARRAY => {
                // How many there are; writers get it wrong, and the end is marked anyway.
                self.array::<4>()?;
                self.pairs(depth).map(Value::EcmaArray)
            }
            STRICT_ARRAY => {
                let count = u32::from_be_bytes(self.array()?) as usize;
                if count > VALUES_MAX {
                    return Err(Amf0Error::TooLarge);
                }
                (0..count).map(|_| self.value(depth + 1)).collect::<Result<_, _>>().map(Value::Array)
            }
            DATE => {
                let milliseconds = f64::from_be_bytes(self.array()?);
                // A time zone, which must not be used (2.13).
                self.array::<2>()?;
                Ok(Value::Date(milliseconds))
            }
            LONG_STRING | XML => {
                let length = u32::from_be_bytes(self.array()?) as usize;
                self.text(length).map(Value::String)
            }
            other => Err(Amf0Error::Kind(other)),
        }
    }

    fn pairs(&mut self, depth: usize) -> Result<Vec<(String, Value)>, Amf0Error> {
        let mut pairs = Vec::new();
        loop {
            let name = self.short_string()?;
            if name.is_empty() && self.rest.first() == Some(&OBJECT_END) {
                self.array::<1>()?;
                return Ok(pairs);
            }
            pairs.push((name, self.value(depth + 1)?));
        }
    }

    fn short_string(&mut self) -> Result<String, Amf0Error> {
        let length = u16::from_be_bytes(self.array()?);
        self.text(usize::from(length))
    }

    fn text(&mut self, length: usize) -> Result<String, Amf0Error> {
        if length > STRING_BYTES_MAX {
            return Err(Amf0Error::TooLarge);
        }
        let (text, rest) = self.rest.split_at_checked(length).ok_or(Amf0Error::Truncated)?;
        self.rest = rest;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Amf0Error> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Amf0Error::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }
}

/// Writes values one after the other.
pub fn encode(values: &[Value], out: &mut BytesMut) {
    for value in values {
        put(value, out);
    }
}

fn put(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Number(number) => {
            out.put_u8(NUMBER);
            out.put_f64(*number);
        }
        Value::Boolean(truth) => out.put_slice(&[BOOLEAN, u8::from(*truth)]),
        Value::String(text) => match u16::try_from(text.len()) {
            Ok(_) => {
                out.put_u8(STRING);
                put_name(text, out);
            }
            Err(_) => {
                let text = &text.as_bytes()[..text.len().min(u32::MAX as usize)];
                out.put_u8(LONG_STRING);
                out.put_u32(text.len() as u32);
                out.put_slice(text);
            }
        },
        Value::Object(pairs) => {
            out.put_u8(OBJECT);
            put_pairs(pairs, out);
        }
        Value::EcmaArray(pairs) => {
            out.put_u8(ECMA_ARRAY);
            out.put_u32(pairs.len() as u32);
            put_pairs(pairs, out);
        }
        Value::Array(values) => {
            out.put_u8(STRICT_ARRAY);
            out.put_u32(values.len() as u32);
            encode(values, out);
        }
        Value::Date(milliseconds) => {
            out.put_u8(DATE);
            out.put_f64(*milliseconds);
            out.put_u16(0);
        }
        Value::Null => out.put_u8(NULL),
        Value::Undefined => out.put_u8(UNDEFINED),
    }
}

fn put_pairs(pairs: &[(String, Value)], out: &mut BytesMut) {
    for (name, value) in pairs {
        put_name(name, out);
        put(value, out);
    }
    out.put_slice(&[0, 0, OBJECT_END]);
}

/// Length and text; a name of more than 65,535 bytes is cut.
fn put_name(name: &str, out: &mut BytesMut) {
    let name = &name.as_bytes()[..name.len().min(usize::from(u16::MAX))];
    out.put_u16(name.len() as u16);
    out.put_slice(name);
}
