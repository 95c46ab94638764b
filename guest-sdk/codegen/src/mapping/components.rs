//! Nodes of a graph that lead to each other.

/// Returns the number of each node's strongly connected component, by Kosaraju's algorithm without recursion. No edge leads to a
/// component with a smaller number.
pub(super) fn components(edges: &[Vec<usize>]) -> Vec<usize> {
    let count = edges.len();
    let mut order = Vec::with_capacity(count);
    let mut seen = vec![false; count];
    for start in 0..count {
        let mut stack = vec![(start, 0)];
        while let Some((node, next)) = stack.pop() {
            if next == 0 {
                match seen.get_mut(node) {
                    Some(seen) if !*seen => *seen = true,
                    _ => continue,
                }
            }
            match edges.get(node).and_then(|edges| edges.get(next)) {
                Some(&target) => {
                    stack.push((node, next + 1));
                    if seen.get(target) == Some(&false) {
                        stack.push((target, 0));
                    }
                }
                None => order.push(node),
            }
        }
    }
    let mut reversed = vec![Vec::new(); count];
    for (from, targets) in edges.iter().enumerate() {
        for target in targets {
            if let Some(sources) = reversed.get_mut(*target) {
                sources.push(from);
            }
        }
    }
    let mut component = vec![usize::MAX; count];
    for (number, &root) in order.iter().rev().enumerate() {
        let mut stack = vec![root];
        while let Some(node) = stack.pop() {
            match component.get_mut(node) {
                Some(slot) if *slot == usize::MAX => *slot = number,
                _ => continue,
            }
            stack.extend(reversed.get(node).into_iter().flatten());
        }
    }
    component
}
