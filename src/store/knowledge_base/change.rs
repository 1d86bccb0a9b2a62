use std::{ops::Deref, rc::Rc};

use crate::{
    record::{
        Contribution, Error, Metadata, MetadataValue, Position, Result, UnitVector, excerpt_id,
    },
    store::MergeRules,
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
pub struct Checked(Rc<Contribution>);

impl Checked {
    /// Refuses with `invalid-argument` what would break the knowledge base: ids that are not those of
    /// their texts, vectors of other dimensions or lengths, mentions out of order or of no excerpt,
    /// names that are empty, metadata that is no number.
    pub fn new(contribution: Rc<Contribution>, dimensions: usize) -> Result<Self> {
        Check { contribution: &contribution, dimensions }.all()?;
        Ok(Checked(contribution))
    }

    /// The contribution itself.
    pub fn into_inner(self) -> Rc<Contribution> {
        self.0
    }
}

impl Deref for Checked {
    type Target = Contribution;

    fn deref(&self) -> &Contribution {
        &self.0
    }
}

struct Check<'a> {
    contribution: &'a Contribution,
    dimensions: usize,
}

impl Check<'_> {
    fn all(&self) -> Result<()> {
        if self.contribution.source.is_empty() {
            return Err(Error::invalid("a document needs a source, the name it is known by"));
        }
        self.metadata(&self.contribution.metadata)?;
        self.excerpts()?;
        self.entities()?;
        self.relationships()
    }

    fn excerpts(&self) -> Result<()> {
        for excerpt in &self.contribution.excerpts {
            self.ensure(
                *excerpt.id == excerpt_id(&excerpt.text),
                "an excerpt's id is not its own",
            )?;
            self.ensure(excerpt.start <= excerpt.end, "an excerpt ends before it starts")?;
            self.vector(&excerpt.vector)?;
        }
        Ok(())
    }

    fn entities(&self) -> Result<()> {
        let entities = &self.contribution.entities;
        self.positions(entities.iter().map(|mention| mention.at))?;
        for mention in entities {
            self.name(&mention.name)?;
            self.vector(&mention.vector)?;
        }
        Ok(())
    }

    fn relationships(&self) -> Result<()> {
        let relationships = &self.contribution.relationships;
        self.positions(relationships.iter().map(|mention| mention.at))?;
        for mention in relationships {
            self.name(&mention.source)?;
            self.name(&mention.target)?;
            self.vector(&mention.vector)?;
        }
        Ok(())
    }

    fn positions(&self, positions: impl Iterator<Item = Position> + Clone) -> Result<()> {
        let excerpts = self.contribution.excerpts.len();
        self.ensure(
            positions.clone().all(|at| (at.excerpt as usize) < excerpts),
            "a mention stands in an excerpt that is not there",
        )?;
        let next = positions.clone().skip(1);
        self.ensure(
            positions.zip(next).all(|(one, next)| one < next),
            "its mentions are not in ascending order of their positions",
        )
    }

    fn name(&self, name: &str) -> Result<()> {
        self.ensure(!name.trim().is_empty(), "it mentions an entity without a name")
    }

    fn vector(&self, vector: &UnitVector) -> Result<()> {
        self.ensure(
            vector.dimensions() == self.dimensions,
            "a vector has another number of dimensions than the knowledge base",
        )?;
        // Rounding moves the length by half a unit a component at most, see `VectorIndex`.
        let length = vector.raw().iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let unit = (length / f64::from(UnitVector::ONE) - 1.0).abs() < 0.05;
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
        let source = &self.contribution.source;
        Err(Error::invalid(format!("the document \"{source}\" cannot be stored: {otherwise}")))
    }
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
    use crate::record::{Code, EntityMention, Excerpt, RelationshipMention, Weight};

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
        let error = Checked::new(Rc::new(contribution), 2).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument);
    }

    #[test]
    fn takes_what_is_sound() {
        Checked::new(Rc::new(sound()), 2).unwrap();
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
