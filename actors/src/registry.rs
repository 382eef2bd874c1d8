//! Where the living owners are listed, so that an event reaches its owner in one step.

use crate::nouns::{Nothing, Noun};
use crate::owner::Owner;
use actix::Addr;
use backstage_core::experience::Experience;
use backstage_core::space::Space;
use backstage_core::stream::Stream;
use parking_lot::RwLock;
use std::collections::HashMap;

/// The owners of one kind, by id.
pub struct Shelf<M: Noun>(RwLock<HashMap<Box<str>, Addr<Owner<M>>>>);

impl<M: Noun> Default for Shelf<M> {
    fn default() -> Self {
        Shelf(RwLock::new(HashMap::new()))
    }
}

impl<M: Noun> Shelf<M> {
    /// The living owner of `id`, if there is one.
    pub fn find(&self, id: &str) -> Option<Addr<Owner<M>>> {
        self.0.read().get(id).filter(|addr| addr.connected()).cloned()
    }

    /// Lists an owner, in place of any earlier one of that id.
    pub(crate) fn put(&self, id: &str, addr: Addr<Owner<M>>) {
        self.0.write().insert(id.into(), addr);
    }

    /// Takes the owner off the list, unless another took its place.
    pub(crate) fn remove(&self, id: &str, addr: &Addr<Owner<M>>) {
        let mut shelf = self.0.write();
        if shelf.get(id) == Some(addr) {
            shelf.remove(id);
        }
    }

    /// Takes everything off the list.
    pub(crate) fn clear(&self) {
        self.0.write().clear();
    }

    /// How many owners are listed.
    pub fn len(&self) -> usize {
        self.0.read().len()
    }

    /// Whether none is listed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// All living owners of this node.
#[derive(Default)]
pub struct Registry {
    /// Owners of spaces.
    pub spaces: Shelf<Space>,
    /// Owners of experiences.
    pub experiences: Shelf<Experience>,
    /// Owners of streams.
    pub streams: Shelf<Stream>,
    pub(crate) nothing: Shelf<Nothing>,
}

impl Registry {
    /// Takes everybody off the lists.
    pub(crate) fn clear(&self) {
        self.spaces.clear();
        self.experiences.clear();
        self.streams.clear();
    }
}
