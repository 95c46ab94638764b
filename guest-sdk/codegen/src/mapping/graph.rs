//! Cycles.

/// The strongly connected components of a graph, by Kosaraju's algorithm: two nodes lie on a common cycle when they have
/// the same number. `edges` has for each node the nodes that it points to, by index.
#[allow(clippy::indexing_slicing, reason = "every node and edge is below the number of nodes")]
pub(super) fn components(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut reversed = vec![Vec::new(); edges.len()];
    for (from, targets) in edges.iter().enumerate() {
        for &to in targets {
            reversed[to].push(from);
        }
    }
    // Stacks of our own, because the depth is up to whoever wrote the descriptors.
    let mut finished = Vec::with_capacity(edges.len());
    let mut seen = vec![false; edges.len()];
    for start in 0..edges.len() {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        let mut stack = vec![(start, edges[start].iter())];
        while let Some((node, targets)) = stack.last_mut() {
            match targets.next() {
                Some(&to) if !seen[to] => {
                    seen[to] = true;
                    stack.push((to, edges[to].iter()));
                }
                Some(_) => {}
                None => {
                    finished.push(*node);
                    stack.pop();
                }
            }
        }
    }
    let mut component = vec![usize::MAX; edges.len()];
    for &root in finished.iter().rev() {
        let mut stack = vec![root];
        while let Some(node) = stack.pop() {
            if component[node] == usize::MAX {
                component[node] = root;
                stack.extend(&reversed[node]);
            }
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use super::components;

    #[test]
    fn nodes_on_a_common_cycle_have_the_same_component() {
        // 0 -> 1 -> 2 -> 1, 2 -> 3 -> 3, 4
        let found = components(&[vec![1], vec![2], vec![1, 3], vec![3], vec![]]);
        assert_eq!(found[1], found[2]);
        let distinct: std::collections::HashSet<_> = found.iter().collect();
        assert_eq!(distinct.len(), 4);
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let count = 200_000;
        let mut edges: Vec<_> = (1..count).map(|next| vec![next]).collect();
        edges.push(vec![0]);
        assert!(components(&edges).iter().all(|component| *component == 0));
    }
}
