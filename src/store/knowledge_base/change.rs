use std::{ops::Deref, rc::Rc};

use super::KnowledgeBaseOptions;
use crate::{
    order::OrderedSet,
    record::{
        Contribution, EntityMention, Error, Excerpt, Metadata, MetadataValue, Position,
        RelationshipMention, Result, UnitVector, excerpt_id,
    },
    store::{MergeRules, ids::Ids, mentions::says},
};

/// One change of the knowledge base, ready to be applied: what could be wrong with it was found when
/// it was made.
#[derive(Clone, Debug)]
pub enum Change {
    /// A document, in place of the one with the same source if there is one.
    Put(Checked),
    /// The document with this source leaves, if it is there.
    Remove(Rc<str>),
    /// The merge rules, in place of those in force.
    Rules(MergeRules),
}

/// A contribution that the knowledge base can take.
#[derive(Clone, Debug)]
pub struct Checked {
    contribution: Rc<Contribution>,
    /// How many entities it describes, and pairs of them it relates, names of one form being one.
    pub(super) entities: usize,
    pub(super) relationships: usize,
    /// An estimate of the bytes that it holds.
    pub(super) bytes: usize,
}

impl Checked {
    /// Refuses with `invalid-argument` what would break a knowledge base with these options: ids that
    /// are not those of their texts, vectors of other dimensions or lengths, mentions out of order or of
    /// no excerpt, names that are empty, metadata that is no number.
    pub fn new(contribution: Rc<Contribution>, options: KnowledgeBaseOptions) -> Result<Self> {
        let mut checking = Checking::new(contribution, options);
        while checking.step() {}
        checking.finish()
    }

    /// The contribution.
    pub fn contribution(&self) -> &Rc<Contribution> {
        &self.contribution
    }

    pub(super) fn into_inner(self) -> Rc<Contribution> {
        self.contribution
    }
}

impl Deref for Checked {
    type Target = Contribution;

    fn deref(&self) -> &Contribution {
        &self.contribution
    }
}

struct Entity {
    key: String,
    described: bool,
}

/// [`Checked::new`], a step at a time: a large document takes long.
pub struct Checking {
    checked: Checked,
    dimensions: usize,
    rules: MergeRules,
    /// The names that were met, as they are written, with the number of the entity of each:
    names: Ids,
    written: Vec<(Rc<str>, u32)>,
    /// the place of its key among these.
    keys: Ids,
    entities: Vec<Entity>,
    related: OrderedSet<(u32, u32)>,
    /// Of all items, one kind after the other.
    next: usize,
    found: Result<()>,
}

impl Checking {
    /// Begins; see [`Checked::new`].
    pub fn new(contribution: Rc<Contribution>, options: KnowledgeBaseOptions) -> Self {
        let KnowledgeBaseOptions { dimensions, resolve_entities } = options;
        let checked = Checked { contribution, entities: 0, relationships: 0, bytes: 0 };
        Checking {
            checked,
            dimensions,
            rules: MergeRules::new(resolve_entities),
            names: Ids::default(),
            written: vec![],
            keys: Ids::default(),
            entities: vec![],
            related: OrderedSet::new(),
            next: 0,
            found: Ok(()),
        }
    }

    /// Checks one thing more; whether there was one, and nothing wrong so far.
    pub fn step(&mut self) -> bool {
        let next = self.next();
        let more = next.as_ref().is_ok_and(|more| *more);
        self.found = next.map(|_| ());
        more
    }

    fn next(&mut self) -> Result<bool> {
        let contribution = self.checked.contribution.clone();
        let Contribution { excerpts, entities, relationships, .. } = &*contribution;
        let mut at = self.next;
        self.next += 1;
        if at == 0 {
            self.head()?;
            return Ok(true);
        }
        at -= 1;
        if let Some(excerpt) = excerpts.get(at) {
            self.excerpt(excerpt)?;
            return Ok(true);
        }
        at -= excerpts.len();
        if let Some(mention) = entities.get(at) {
            let before = at.checked_sub(1).map(|before| entities[before].at);
            self.entity(mention, before)?;
            return Ok(true);
        }
        at -= entities.len();
        let Some(mention) = relationships.get(at) else { return Ok(false) };
        let before = at.checked_sub(1).map(|before| relationships[before].at);
        self.relationship(mention, before)?;
        Ok(true)
    }

    /// What was checked, or what is wrong with it, once there is no step more.
    pub fn finish(self) -> Result<Checked> {
        self.found?;
        let entities = self.entities.iter().filter(|entity| entity.described).count();
        let relationships = self.related.len();
        Ok(Checked { entities, relationships, ..self.checked })
    }

    fn head(&mut self) -> Result<()> {
        let Contribution { source, revision, metadata, keywords, .. } = &*self.checked.contribution;
        if source.is_empty() {
            return Err(Error::invalid("a document needs a source, the name it is known by"));
        }
        self.metadata(metadata)?;
        let keywords: usize = keywords.iter().map(|keyword| text(keyword) + 16).sum();
        let own = size_of::<Contribution>() + text(source) + text(revision);
        self.checked.bytes += own + 64 * Metadata::len(metadata) + keywords;
        Ok(())
    }

    fn excerpt(&mut self, excerpt: &Excerpt) -> Result<()> {
        self.ensure(*excerpt.id == excerpt_id(&excerpt.text), "an excerpt's id is not its own")?;
        self.ensure(excerpt.start <= excerpt.end, "an excerpt ends before it starts")?;
        self.vector(&excerpt.vector)?;
        let headings: usize = excerpt.headings.iter().map(|heading| text(heading) + 16).sum();
        let texts = text(&excerpt.id) + text(&excerpt.text) + text(&excerpt.summary);
        self.checked.bytes += size_of::<Excerpt>() + texts + headings + vector(&excerpt.vector);
        Ok(())
    }

    fn entity(&mut self, mention: &EntityMention, before: Option<Position>) -> Result<()> {
        let EntityMention { at, name, category, description, vector: embedded } = mention;
        self.position(*at, before)?;
        self.name(name)?;
        self.vector(embedded)?;
        let texts = text(name) + text(category) + text(description);
        self.checked.bytes += size_of::<EntityMention>() + texts + vector(embedded);
        let number = self.number(name);
        self.entities[number as usize].described = true;
        Ok(())
    }

    fn relationship(
        &mut self,
        mention: &RelationshipMention,
        before: Option<Position>,
    ) -> Result<()> {
        let RelationshipMention { at, source, target, description, keywords, .. } = mention;
        self.position(*at, before)?;
        self.name(source)?;
        self.name(target)?;
        self.vector(&mention.vector)?;
        let texts = text(source) + text(target) + text(description) + text(keywords);
        self.checked.bytes += size_of::<RelationshipMention>() + texts + vector(&mention.vector);
        let (source, target) = (self.number(source), self.number(target));
        if source != target {
            self.related.insert((source.min(target), source.max(target)));
        }
        Ok(())
    }

    /// The number of the entity of that name. Most names were met before.
    fn number(&mut self, name: &Rc<str>) -> u32 {
        let Self { names, written, keys, entities, .. } = self;
        if let Some(known) = names.get(name, &|at| &written[at as usize].0) {
            return written[known as usize].1;
        }
        let key = self.rules.own_key(name);
        let number = keys.get(&key, &|at| &entities[at as usize].key).unwrap_or_else(|| {
            let number = entities.len() as u32;
            entities.push(Entity { key, described: false });
            keys.insert(number, &|at| &entities[at as usize].key);
            number
        });
        written.push((name.clone(), number));
        names.insert(written.len() as u32 - 1, &|at| &written[at as usize].0);
        number
    }

    fn position(&self, at: Position, before: Option<Position>) -> Result<()> {
        self.ensure(
            (at.excerpt as usize) < self.checked.excerpts.len(),
            "a mention stands in an excerpt that is not there",
        )?;
        self.ensure(
            before.is_none_or(|before| before < at),
            "its mentions are not in ascending order of their positions",
        )
    }

    fn name(&self, name: &str) -> Result<()> {
        self.ensure(says(name), "it mentions an entity without a name")
    }

    fn vector(&self, vector: &UnitVector) -> Result<()> {
        self.ensure(
            vector.dimensions() == self.dimensions,
            "a vector has another number of dimensions than the knowledge base",
        )?;
        // Rounding moves the length by half a unit a component at most, see `VectorIndex`.
        let unit = (vector.length() - 1.0).abs() < 0.05;
        self.ensure(unit || vector.is_zero(), "a vector is not of unit length")
    }

    fn metadata(&self, metadata: &Metadata) -> Result<()> {
        let finite = metadata.values().all(is_finite);
        self.ensure(finite, "its metadata holds NaN or infinity")
    }

    fn ensure(&self, holds: bool, otherwise: &str) -> Result<()> {
        if holds {
            return Ok(());
        }
        let source = &self.checked.source;
        Err(Error::invalid(format!("the document \"{source}\" cannot be stored: {otherwise}")))
    }
}

/// With the two counts in front of what an `Rc` points to.
fn text(text: &str) -> usize {
    2 * size_of::<usize>() + text.len()
}

fn vector(vector: &UnitVector) -> usize {
    2 * size_of::<usize>() + 2 * vector.dimensions()
}

fn is_finite(value: &MetadataValue) -> bool {
    match value {
        MetadataValue::Number(number) => number.is_finite(),
        MetadataValue::List(values) => values.iter().all(is_finite),
        MetadataValue::Flag(_) | MetadataValue::Text(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Code, Weight};

    const OPTIONS: KnowledgeBaseOptions =
        KnowledgeBaseOptions { dimensions: 2, resolve_entities: true };

    fn sound() -> Contribution {
        let vector = UnitVector::from_f32(&[0.6, 0.8]).unwrap();
        let at = |ordinal| Position { excerpt: 0, ordinal };
        let entity = |ordinal| EntityMention {
            at: at(ordinal),
            name: "A".into(),
            category: "".into(),
            description: "".into(),
            vector: vector.clone(),
        };
        Contribution {
            source: "a.md".into(),
            revision: "1".into(),
            metadata: Metadata::new(),
            bytes: 4,
            excerpts: vec![Excerpt {
                id: excerpt_id("text").into(),
                text: "text".into(),
                start: 0,
                end: 4,
                headings: [].into(),
                fence: None,
                summary: "".into(),
                vector: vector.clone(),
            }],
            entities: vec![entity(0), entity(2)],
            relationships: vec![RelationshipMention {
                at: at(1),
                source: "A".into(),
                target: "B".into(),
                description: "".into(),
                keywords: "".into(),
                weight: Weight(1000),
                vector: UnitVector::zero(2),
            }],
            keywords: vec![],
        }
    }

    fn refused(break_it: impl FnOnce(&mut Contribution)) {
        let mut contribution = sound();
        break_it(&mut contribution);
        let error = Checked::new(Rc::new(contribution), OPTIONS).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument);
    }

    #[test]
    fn takes_what_is_sound() {
        Checked::new(Rc::new(sound()), OPTIONS).unwrap();
    }

    #[test]
    fn refuses_what_would_break_the_knowledge_base() {
        refused(|c| c.source = "".into());
        refused(|c| c.excerpts[0].id = excerpt_id("other").into());
        refused(|c| c.excerpts[0].start = 5);
        refused(|c| c.excerpts[0].vector = UnitVector::zero(3));
        refused(|c| c.excerpts[0].vector = UnitVector::from_raw(&[i16::MIN, i16::MIN]));
        refused(|c| c.entities[0].vector = UnitVector::from_raw(&[1, 0]));
        refused(|c| c.entities[1].at.ordinal = 0);
        refused(|c| c.entities[1].at.excerpt = 1);
        refused(|c| c.entities[0].name = " ".into());
        refused(|c| c.relationships[0].target = "\n".into());
        refused(|c| c.relationships[0].at.excerpt = 7);
        let nan = MetadataValue::List(vec![MetadataValue::Number(f64::NAN)]);
        refused(|c| drop(c.metadata.insert("x".into(), nan)));
    }
}
