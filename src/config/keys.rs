//! Every key that there is, read off the structs themselves, so that no list can lack one.

use serde::Deserialize;
use serde::de::value::{Error, MapDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::Config;

impl Config {
    /// All keys, as `section.key`.
    pub fn keys() -> Vec<String> {
        let mut found = Vec::new();
        let collector = Collector {
            section: None,
            found: &mut found,
        };
        Self::deserialize(collector).expect("each section is a struct that has defaults");
        found
    }
}

/// Pretends to hold every section, and in each of them nothing.
struct Collector<'a> {
    section: Option<&'static str>,
    found: &'a mut Vec<String>,
}

impl<'de> Deserializer<'de> for Collector<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Some(section) = self.section else {
            return visitor.visit_map(Sections {
                left: fields.iter(),
                current: "",
                found: self.found,
            });
        };
        let keys = fields.iter().map(|key| format!("{section}.{key}"));
        self.found.extend(keys);
        let nothing = std::iter::empty::<(&str, &str)>();
        visitor.visit_map(MapDeserializer::new(nothing))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("a section is a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Sections<'a> {
    left: std::slice::Iter<'static, &'static str>,
    current: &'static str,
    found: &'a mut Vec<String>,
}

impl<'de> MapAccess<'de> for Sections<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(name) = self.left.next() else {
            return Ok(None);
        };
        self.current = name;
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Collector {
            section: Some(self.current),
            found: self.found,
        })
    }
}
