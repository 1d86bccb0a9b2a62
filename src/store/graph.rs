use std::{
    cmp::{Ordering, Reverse},
    rc::Rc,
};

use hashbrown::HashMap;
use petgraph::{
    stable_graph::{EdgeIndex, NodeIndex, StableUnGraph},
    visit::{EdgeRef, VisitMap, Visitable},
};

use super::ids::Ids;
use crate::order::{OrderedMap, beginning, sort_by, sort_by_key};

/// An undirected graph whose nodes are known by key, on petgraph's.
///
/// Adds to it what a store needs: a node by its key and an edge by its ends in O(1), degrees in O(1),
/// and answers in an order that depends on keys only, never on when a node came or what its index is.
/// There are no loops and no parallel edges. What an edge carries should be small: petgraph goes through all
/// edges of a node to unlink one.
pub struct Graph<N, E> {
    graph: StableUnGraph<Node<N>, E>,
    /// By key.
    nodes: Ids,
    /// By both ends, the lower index first.
    edges: HashMap<(NodeIndex, NodeIndex), EdgeIndex>,
    /// The keys together.
    key_bytes: usize,
}

struct Node<N> {
    key: Rc<str>,
    /// The [`beginning`] of the key: a search with ties compares thousands of keys.
    beginning: u64,
    degree: u32,
    weight: N,
}

impl<N, E> Default for Graph<N, E> {
    fn default() -> Self {
        let graph = StableUnGraph::default();
        Graph { graph, nodes: Ids::default(), edges: HashMap::new(), key_bytes: 0 }
    }
}

impl<N, E> Graph<N, E> {
    /// An empty graph.
    pub fn new() -> Self {
        Graph::default()
    }

    /// The node with this key.
    pub fn node(&self, key: &str) -> Option<NodeIndex> {
        self.nodes.get(key, &|node| &self.graph[NodeIndex::from(node)].key).map(NodeIndex::from)
    }

    /// The node with this key, made if there is none.
    pub fn node_or_insert(&mut self, key: &str, weight: impl FnOnce() -> N) -> NodeIndex {
        self.node(key).unwrap_or_else(|| {
            let beginning = beginning(key);
            let node = Node { key: key.into(), beginning, degree: 0, weight: weight() };
            let index = self.graph.add_node(node);
            self.nodes.insert(index.index() as u32, &|node| &self.graph[NodeIndex::from(node)].key);
            self.key_bytes += key.len();
            index
        })
    }

    /// Removes a node with its edges.
    pub fn remove_node(&mut self, node: NodeIndex) {
        let edges: Vec<EdgeIndex> = self.graph.edges(node).map(|edge| edge.id()).collect();
        edges.into_iter().for_each(|edge| self.remove_edge(edge));
        if let Some(Node { key, .. }) = self.graph.remove_node(node) {
            self.nodes.remove(node.index() as u32, &key);
            self.key_bytes -= key.len();
        }
    }

    /// The edge between two nodes, whichever way round.
    pub fn edge(&self, a: NodeIndex, b: NodeIndex) -> Option<EdgeIndex> {
        self.edges.get(&ordered(a, b)).copied()
    }

    /// The edge between two nodes, made if there is none.
    ///
    /// # Panics
    /// If the two nodes are one: there are no loops.
    pub fn edge_or_insert(
        &mut self,
        a: NodeIndex,
        b: NodeIndex,
        weight: impl FnOnce() -> E,
    ) -> EdgeIndex {
        self.edge(a, b).unwrap_or_else(|| {
            assert_ne!(a, b, "an edge has two ends");
            let (first, second) = if self.key(a) < self.key(b) { (a, b) } else { (b, a) };
            let edge = self.graph.add_edge(first, second, weight());
            self.edges.insert(ordered(a, b), edge);
            self.graph[a].degree += 1;
            self.graph[b].degree += 1;
            edge
        })
    }

    /// Removes an edge and leaves its ends.
    pub fn remove_edge(&mut self, edge: EdgeIndex) {
        let Some((a, b)) = self.graph.edge_endpoints(edge) else { return };
        self.graph.remove_edge(edge);
        self.edges.remove(&ordered(a, b));
        self.graph[a].degree -= 1;
        self.graph[b].degree -= 1;
    }

    /// A node's key.
    pub fn key(&self, node: NodeIndex) -> &Rc<str> {
        &self.graph[node].key
    }

    /// A number that is in the order of the nodes by their keys, or equal.
    pub fn beginning(&self, node: NodeIndex) -> u64 {
        self.graph[node].beginning
    }

    /// What a node carries.
    pub fn weight(&self, node: NodeIndex) -> &N {
        &self.graph[node].weight
    }

    /// What a node carries.
    pub fn weight_mut(&mut self, node: NodeIndex) -> &mut N {
        &mut self.graph[node].weight
    }

    /// What an edge carries.
    pub fn edge_weight(&self, edge: EdgeIndex) -> &E {
        &self.graph[edge]
    }

    /// What an edge carries.
    pub fn edge_weight_mut(&mut self, edge: EdgeIndex) -> &mut E {
        &mut self.graph[edge]
    }

    /// The two ends of an edge, by key.
    ///
    /// # Panics
    /// If there is no such edge.
    pub fn ends(&self, edge: EdgeIndex) -> (NodeIndex, NodeIndex) {
        self.graph.edge_endpoints(edge).expect("an edge of this graph")
    }

    /// How many edges a node has.
    pub fn degree(&self, node: NodeIndex) -> usize {
        self.graph[node].degree as usize
    }

    /// The nodes at the other end of a node's edges, by key.
    pub fn neighbours(&self, node: NodeIndex) -> Vec<NodeIndex> {
        let mut found: Vec<NodeIndex> = self.graph.neighbors(node).collect();
        sort_by(&mut found, |&one, &other| self.order_nodes(one, other));
        found
    }

    /// A node's edges and their other ends, in no order.
    pub fn each_edge_of(&self, node: NodeIndex) -> impl Iterator<Item = (NodeIndex, EdgeIndex)> {
        self.graph.edges(node).map(|edge| (edge.target(), edge.id()))
    }

    /// A node's edges, by the key of their other end.
    pub fn edges_of(&self, node: NodeIndex) -> Vec<EdgeIndex> {
        let mut found: Vec<(NodeIndex, EdgeIndex)> = self.each_edge_of(node).collect();
        sort_by(&mut found, |one, other| self.order_nodes(one.0, other.0));
        found.into_iter().map(|(_, edge)| edge).collect()
    }

    /// All nodes, by key.
    pub fn nodes(&self) -> Vec<NodeIndex> {
        let mut all: Vec<NodeIndex> = self.graph.node_indices().collect();
        sort_by(&mut all, |&one, &other| self.order_nodes(one, other));
        all
    }

    /// All edges, by the keys of their ends.
    pub fn edges(&self) -> Vec<EdgeIndex> {
        let mut all: Vec<EdgeIndex> = self.graph.edge_indices().collect();
        sort_by(&mut all, |&one, &other| self.order_edges(one, other));
        all
    }

    /// The keys of an edge's ends, the lower first.
    pub fn edge_key(&self, edge: EdgeIndex) -> (&Rc<str>, &Rc<str>) {
        let (first, second) = self.ends(edge);
        (self.key(first), self.key(second))
    }

    /// The order of two nodes by their keys.
    pub fn order_nodes(&self, one: NodeIndex, other: NodeIndex) -> Ordering {
        let (one, other) = (&self.graph[one], &self.graph[other]);
        one.beginning.cmp(&other.beginning).then_with(|| one.key.cmp(&other.key))
    }

    /// The order of two edges by the keys of their ends.
    pub fn order_edges(&self, one: EdgeIndex, other: EdgeIndex) -> Ordering {
        let (one, other) = (self.ends(one), self.ends(other));
        self.order_nodes(one.0, other.0).then_with(|| self.order_nodes(one.1, other.1))
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// How many edges there are.
    pub fn edge_count(&self) -> usize {
        self.edges.len()
    }

    /// The nodes with the most edges, ties by key.
    pub fn most_connected(&self, limit: usize) -> Vec<NodeIndex> {
        self.best_connected(self.graph.node_indices().collect(), limit)
    }

    /// At most `limit` nodes: the given ones, then step by step those that are one edge further,
    /// up to `depth` steps. Within a step the most connected come first, ties by key.
    pub fn around(&self, starts: &[NodeIndex], depth: usize, limit: usize) -> Vec<NodeIndex> {
        let mut seen = self.graph.visit_map();
        let starts = starts.iter().copied().filter(|&node| seen.visit(node)).collect();
        let mut step = self.best_connected(starts, limit);
        let mut found = step.clone();
        for _ in 0..depth {
            let neighbours = step.iter().flat_map(|&node| self.graph.neighbors(node));
            let next = neighbours.filter(|&node| seen.visit(node)).collect();
            step = self.best_connected(next, limit - found.len());
            if step.is_empty() {
                break;
            }
            found.extend(&step);
        }
        found
    }

    /// The edges that have both ends among the nodes, by the keys of their ends.
    pub fn edges_among(&self, nodes: &[NodeIndex]) -> Vec<EdgeIndex> {
        let mut among = self.graph.visit_map();
        let nodes: Vec<NodeIndex> = nodes.iter().copied().filter(|&n| among.visit(n)).collect();
        let mut found: Vec<EdgeIndex> = nodes
            .into_iter()
            .flat_map(|node| self.graph.edges(node))
            // Seen from both ends; count it at the one that it starts from.
            .filter(|edge| {
                self.ends(edge.id()).0 == edge.source() && among.is_visited(&edge.target())
            })
            .map(|edge| edge.id())
            .collect();
        sort_by(&mut found, |&one, &other| self.order_edges(one, other));
        found
    }

    /// The fewest steps from one node to another, both ends included; among equally short paths the
    /// first in the order of the keys along it. `None` if no path joins them.
    pub fn shortest_path(&self, from: NodeIndex, to: NodeIndex) -> Option<Vec<NodeIndex>> {
        let mut came_from = OrderedMap::from([(from, from)]);
        let mut step = vec![from];
        while !step.is_empty() && !came_from.contains_key(&to) {
            let mut next = vec![];
            for &node in &step {
                for neighbour in self.neighbours(node) {
                    came_from.get_or_insert_with(neighbour, || {
                        next.push(neighbour);
                        node
                    });
                }
            }
            step = next;
        }
        let mut path = vec![to];
        let mut at = *came_from.get(&to)?;
        while path.last() != Some(&at) {
            path.push(at);
            at = came_from[&at];
        }
        path.reverse();
        Some(path)
    }

    /// The nodes in groups that paths join, the largest group first, ties by its first key; within a
    /// group by key.
    pub fn components(&self) -> Vec<Vec<NodeIndex>> {
        let mut seen = self.graph.visit_map();
        let mut found = vec![];
        for start in self.nodes() {
            if !seen.visit(start) {
                continue;
            }
            let mut group = vec![start];
            let mut at = 0;
            while let Some(&node) = group.get(at) {
                group.extend(self.graph.neighbors(node).filter(|&next| seen.visit(next)));
                at += 1;
            }
            sort_by(&mut group, |&one, &other| self.order_nodes(one, other));
            found.push(group);
        }
        // Stable: the groups were found by their first keys.
        sort_by_key(&mut found, |group| Reverse(group.len()));
        found
    }

    /// An estimate of the bytes held, without what nodes and edges hold on the heap.
    pub fn bytes(&self) -> usize {
        let (nodes, edges) = self.graph.capacity();
        // petgraph keeps two links in a node, two links and two ends in an edge.
        nodes * (size_of::<Node<N>>() + 8)
            + edges * (size_of::<E>() + 16)
            + self.nodes.bytes()
            + self.edges.capacity() * 13
            + self.key_bytes
            + self.nodes.len() * 16
    }

    fn best_connected(&self, mut nodes: Vec<NodeIndex>, limit: usize) -> Vec<NodeIndex> {
        let rank = |&node: &NodeIndex| (Reverse(self.degree(node)), self.key(node));
        sort_by_key(&mut nodes, rank);
        nodes.truncate(limit);
        nodes
    }
}

fn ordered(a: NodeIndex, b: NodeIndex) -> (NodeIndex, NodeIndex) {
    (a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Graph<(), ()> {
        let mut graph = Graph::new();
        for &(a, b) in edges {
            let a = graph.node_or_insert(a, || ());
            let b = graph.node_or_insert(b, || ());
            graph.edge_or_insert(a, b, || ());
        }
        graph
    }

    fn keys(graph: &Graph<(), ()>, nodes: Vec<NodeIndex>) -> Vec<String> {
        nodes.into_iter().map(|node| graph.key(node).to_string()).collect()
    }

    fn around(graph: &Graph<(), ()>, starts: &[&str], depth: usize, limit: usize) -> Vec<String> {
        let starts: Vec<NodeIndex> = starts.iter().map(|key| graph.node(key).unwrap()).collect();
        keys(graph, graph.around(&starts, depth, limit))
    }

    #[test]
    fn the_most_connected_come_first_and_ties_go_by_key() {
        let graph = graph(&[("d", "b"), ("d", "c"), ("d", "a"), ("c", "e"), ("f", "g")]);
        assert_eq!(keys(&graph, graph.most_connected(3)), ["d", "c", "a"]);
        assert_eq!(around(&graph, &["d"], 1, 9), ["d", "c", "a", "b"]);
        assert_eq!(around(&graph, &["d"], 1, 3), ["d", "c", "a"]);
        assert_eq!(around(&graph, &["d"], 2, 9), ["d", "c", "a", "b", "e"]);
        assert_eq!(around(&graph, &["g", "b", "b"], 0, 9), ["b", "g"]);
        assert_eq!(around(&graph, &["d"], 9, 0), [""; 0]);
    }

    #[test]
    fn a_path_is_the_shortest_and_the_first_of_those() {
        let graph = graph(&[
            ("a", "y"),
            ("y", "z"),
            ("a", "c"),
            ("c", "z"),
            ("a", "b"),
            ("b", "d"),
            ("u", "v"),
        ]);
        let path = |from, to| {
            let path = graph.shortest_path(graph.node(from).unwrap(), graph.node(to).unwrap());
            path.map(|path| keys(&graph, path))
        };
        assert_eq!(path("a", "z").unwrap(), ["a", "c", "z"]);
        assert_eq!(path("z", "d").unwrap(), ["z", "c", "a", "b", "d"]);
        assert_eq!(path("a", "a").unwrap(), ["a"]);
        assert_eq!(path("a", "u"), None);
    }

    #[test]
    fn components_go_by_size_then_key() {
        let graph = graph(&[("x", "y"), ("a", "b"), ("m", "k"), ("m", "l")]);
        let found: Vec<_> = graph.components().into_iter().map(|c| keys(&graph, c)).collect();
        assert_eq!(found, [vec!["k", "l", "m"], vec!["a", "b"], vec!["x", "y"]]);
    }

    proptest! {
        #[test]
        fn equals_a_plain_edge_set_under_any_history(
            steps in vec((0u8..8, 0u8..8, 0u8..10), 0..60),
        ) {
            let mut graph: Graph<(), ()> = Graph::new();
            let mut plain: BTreeSet<(String, String)> = BTreeSet::new();
            let mut nodes: BTreeSet<String> = BTreeSet::new();
            for (a, b, what) in steps {
                let (a, b) = (a.min(b).to_string(), a.max(b).to_string());
                let [left, right] = [&a, &b].map(|key| {
                    nodes.insert(key.clone());
                    graph.node_or_insert(key, || ())
                });
                if what == 0 {
                    graph.remove_node(left);
                    nodes.remove(&a);
                    plain.retain(|edge| edge.0 != a && edge.1 != a);
                } else if let Some(edge) = graph.edge(right, left) {
                    graph.remove_edge(edge);
                    plain.remove(&(a, b));
                } else if a != b {
                    graph.edge_or_insert(left, right, || ());
                    plain.insert((a, b));
                }
            }
            let edges: Vec<_> = graph.edges().into_iter().map(|edge| {
                let (a, b) = graph.edge_key(edge);
                (a.to_string(), b.to_string())
            }).collect();
            prop_assert_eq!(&edges, &plain.iter().cloned().collect::<Vec<_>>());
            prop_assert_eq!(keys(&graph, graph.nodes()), nodes.iter().cloned().collect::<Vec<_>>());
            prop_assert_eq!((graph.node_count(), graph.edge_count()), (nodes.len(), plain.len()));

            let mut degrees: BTreeMap<&String, usize> = nodes.iter().map(|key| (key, 0)).collect();
            for (a, b) in &plain {
                *degrees.get_mut(a).unwrap() += 1;
                *degrees.get_mut(b).unwrap() += 1;
            }
            for (key, degree) in degrees {
                let node = graph.node(key).unwrap();
                prop_assert_eq!(graph.degree(node), degree);
                prop_assert_eq!(graph.neighbours(node).len(), degree);
                prop_assert_eq!(graph.edges_of(node).len(), degree);
            }
            let among = graph.edges_among(&graph.nodes());
            prop_assert_eq!(among, graph.edges());
        }
    }
}
