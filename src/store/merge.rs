use std::rc::Rc;

use super::names::entity_key;
use crate::{
    order::OrderedMap,
    record::{Error, Result},
};

/// Which names are one entity: by the form of the names, and by what the user has merged.
///
/// A value that is changed aside, where a merge may be refused, and then put in force whole by
/// [`Change::Rules`](super::Change). Rules stay in force until they are undone: they say what future
/// mentions of a name belong to as well.
///
/// Every name is merged into at most one other, and no chain of merges closes to a circle, so the rules
/// are a forest and a name belongs to the root above it. What a set of rules means does therefore not
/// depend on the order in which they were made. A merge that would give a name a second target, or
/// close a circle, is refused; a target may itself be merged, and takes along what was merged into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeRules {
    resolve: bool,
    /// By the target's key.
    rules: OrderedMap<Rc<str>, Rule>,
    /// The key that each merged key stands directly under.
    parents: OrderedMap<Rc<str>, Rc<str>>,
}

/// Names that are to be one with another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// The target as last written.
    into: Rc<str>,
    /// The names as first written, by key.
    names: OrderedMap<Rc<str>, Rc<str>>,
}

impl MergeRules {
    /// No merges. With `resolve`, names with the same [`entity_key`] are one; without, names are one
    /// only if they are equal but for the white space around them.
    pub fn new(resolve: bool) -> Self {
        MergeRules { resolve, rules: OrderedMap::new(), parents: OrderedMap::new() }
    }

    /// Makes the names one with `into`, by which the entity is called from then on. Names that are one
    /// with it already are passed over. Refuses with `invalid-argument`, and then changes nothing.
    pub fn merge<S: AsRef<str>>(&mut self, names: &[S], into: &str) -> Result<()> {
        let target = self.visible_key(into)?;
        let mut joining: OrderedMap<Rc<str>, Rc<str>> = OrderedMap::new();
        for name in names {
            let name = name.as_ref().trim();
            let key = self.visible_key(name)?;
            if key != target && self.may_join(&key, name, &target, into)? {
                joining.get_or_insert_with(key, || name.into());
            }
        }
        if joining.is_empty() && !self.rules.contains_key(&target) {
            return Ok(());
        }
        for key in joining.keys() {
            self.parents.insert(key.clone(), target.clone());
        }
        let empty = || Rule { into: "".into(), names: OrderedMap::new() };
        let rule = self.rules.get_or_insert_with(target, empty);
        rule.into = into.trim().into();
        rule.names.extend(joining);
        Ok(())
    }

    /// Undoes every merge into this name. Whether there was one.
    pub fn unmerge(&mut self, into: &str) -> bool {
        let Some(rule) = self.rules.remove(&*self.own_key(into)) else { return false };
        for key in rule.names.keys() {
            self.parents.remove(key);
        }
        true
    }

    /// The rules as (target, names), in the order of the targets' keys.
    pub fn iter(&self) -> impl Iterator<Item = (&Rc<str>, impl Iterator<Item = &Rc<str>>)> {
        self.rules.values().map(|rule| (&rule.into, rule.names.values()))
    }

    /// Whether nothing is merged.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether names of one form are one, see [`MergeRules::new`].
    pub fn resolves(&self) -> bool {
        self.resolve
    }

    /// The key of the entity that a name belongs to.
    pub(super) fn key(&self, name: &str) -> String {
        let key = self.own_key(name);
        // Few are merged.
        match self.parents.get(&*key) {
            Some(parent) => self.root(parent.clone()).as_ref().into(),
            None => key,
        }
    }

    /// What the user wants the entity called, if anything was merged into it.
    pub(super) fn name(&self, key: &str) -> Option<&Rc<str>> {
        self.rules.get(key).map(|rule| &rule.into)
    }

    /// The names merged into an entity, directly and through others, in a fixed order.
    pub(super) fn aliases(&self, key: &str) -> Vec<Rc<str>> {
        let mut found = vec![];
        if let Some(rule) = self.rules.get(key) {
            for (key, name) in &rule.names {
                found.push(name.clone());
                found.extend(self.aliases(key));
            }
        }
        found
    }

    /// The keys of the entities whose name or aliases the two sets of rules see differently.
    pub(super) fn renamed(&self, other: &Self) -> Vec<Rc<str>> {
        let targets = self.rules.keys().chain(other.rules.keys());
        targets
            .filter(|&key| self.rules.get(key) != other.rules.get(key))
            .flat_map(|key| [self.root(key.clone()), other.root(key.clone())])
            .collect()
    }

    /// The key by the form of the name alone.
    pub(super) fn own_key(&self, name: &str) -> String {
        if self.resolve { entity_key(name) } else { name.trim().to_owned() }
    }

    fn visible_key(&self, name: &str) -> Result<Rc<str>> {
        let key = self.own_key(name);
        if key.is_empty() {
            return Err(Error::invalid("a name to merge is empty"));
        }
        Ok(key.into())
    }

    fn root(&self, mut key: Rc<str>) -> Rc<str> {
        while let Some(parent) = self.parents.get(&key) {
            key = parent.clone();
        }
        key
    }

    /// False if the name stands under the target already.
    fn may_join(&self, key: &Rc<str>, name: &str, target: &Rc<str>, into: &str) -> Result<bool> {
        match self.parents.get(key) {
            Some(parent) if parent == target => return Ok(false),
            Some(parent) => {
                let other = &self.rules[parent].into;
                return Err(Error::invalid(format!(
                    "\"{name}\" is merged into \"{other}\"; unmerge \"{other}\" first"
                )));
            }
            None => {}
        }
        if self.root(target.clone()) == *key {
            return Err(Error::invalid(format!(
                "\"{into}\" is merged into \"{name}\"; unmerge \"{name}\" first"
            )));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::record::Code;

    fn rules(merges: &[(&[&str], &str)]) -> MergeRules {
        let mut rules = MergeRules::new(true);
        for (names, into) in merges {
            rules.merge(names, into).unwrap();
        }
        rules
    }

    #[test]
    fn a_merge_joins_all_forms_of_the_names_and_can_be_undone() {
        let mut rules = rules(&[(&["Tab", "Window"], "Page")]);
        assert_eq!(rules.key("tabs"), rules.key("page"));
        assert_eq!(rules.name("page").map(|name| &**name), Some("Page"));
        assert!(rules.unmerge("pages"));
        assert!(!rules.unmerge("pages"));
        assert_eq!(&*rules.key("tabs"), "tab");
        assert_eq!(rules, MergeRules::new(true));
    }

    #[test]
    fn a_target_that_is_merged_takes_along_what_it_has() {
        let forwards = rules(&[(&["a1"], "b1"), (&["b1"], "c1")]);
        let backwards = rules(&[(&["b1"], "c1"), (&["a1"], "b1")]);
        assert_eq!(forwards, backwards);
        assert_eq!(&*forwards.key("a1"), "c1");
        assert_eq!(forwards.aliases("c1"), ["b1".into(), "a1".into()]);
    }

    #[test]
    fn a_second_target_a_circle_and_an_empty_name_are_refused_and_change_nothing() {
        let mut rules = rules(&[(&["a1"], "b1"), (&["b1"], "c1")]);
        let before = rules.clone();
        for (names, into) in
            [(["x1", "a1"], "d1"), (["x1", "c1"], "a1"), (["x1", " "], "d1"), (["x1", "y1"], "\n")]
        {
            assert_eq!(rules.merge(&names, into).unwrap_err().code, Code::InvalidArgument);
            assert_eq!(rules, before);
        }
    }

    #[test]
    fn a_merge_with_itself_is_no_rule() {
        assert!(rules(&[(&["Page", "pages"], "page")]).is_empty());
    }

    #[test]
    fn without_resolution_only_equal_names_are_one() {
        let mut rules = MergeRules::new(false);
        rules.merge(&["Tabs"], "Page").unwrap();
        assert_eq!(&*rules.key(" Tabs "), "Page");
        assert_eq!(&*rules.key("tabs"), "tabs");
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn rules_never_close_a_circle_and_mean_the_same_in_any_order(
            merges in vec((vec("[a-f]", 1..3), "[a-f]"), 0..20),
        ) {
            let mut rules = MergeRules::new(false);
            for (names, into) in &merges {
                let _ = rules.merge(names, into);
            }
            // `root` ends: there is no circle.
            for name in ["a", "b", "c", "d", "e", "f"] {
                prop_assert!(!rules.parents.contains_key(&*rules.key(name)));
            }
            let mut all: Vec<(Rc<str>, Vec<Rc<str>>)> =
                rules.iter().map(|(into, names)| (into.clone(), names.cloned().collect())).collect();
            all.reverse();
            let mut again = MergeRules::new(false);
            for (into, names) in &all {
                again.merge(names, into).unwrap();
            }
            prop_assert_eq!(rules, again);
        }
    }
}
