//! A group of this machine, by name.

use std::fs;

use serde::Deserialize;

/// Where groups are. What a directory service adds is not in here.
const GROUPS: &str = "/etc/group";

/// A group of this machine.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its number.
    pub gid: u32,
}

impl TryFrom<String> for Group {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let groups = fs::read_to_string(GROUPS).map_err(|error| format!("{GROUPS}: {error}"))?;
        match number_of(&name, &groups) {
            Some(gid) => Ok(Self { name, gid }),
            None => Err(format!("there is no group of that name in {GROUPS}")),
        }
    }
}

/// `group(5)`: name, password, number and members, separated by colons.
fn number_of(name: &str, groups: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(name);
        fields.nth(1).filter(|_| is_it)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        let groups = "root:x:0:\nfreerad:x:113:malipo,www\nfree:x:7:\nodd\n";

        assert_eq!(number_of("freerad", groups), Some(113));
        assert_eq!(number_of("free", groups), Some(7));
        assert_eq!(number_of("radius", groups), None);
        assert_eq!(number_of("113", groups), None);
    }
}
