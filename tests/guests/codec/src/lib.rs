//! A guest that encodes, decodes, and goes to and from JSON, and whose messages hold themselves in every way.

okra_guest::generate!();

use std::time::Duration;

use codec::{Codec, Content, Text};
use forest::Forest;
use okra_guest::details::{BadRequest, ErrorInfo, RetryInfo};
use okra_guest::stream::Read as _;
use okra_guest::well_known::Any;
use okra_guest::{Error, Message};
use proto::google::longrunning::Operation;
use trees::{Leaf, TextReader, Tree, TreeKind, TreeReader, TreeWriter, Trees, Twig};

struct Service;

impl Codec for Service {
    fn write(request: Content) -> Result<Text, Error> {
        Ok(Text { text: request.to_json()? })
    }

    fn read(request: Text) -> Result<Content, Error> {
        Ok(Content::from_json(&request.text)?)
    }

    fn fail(request: Text) -> Result<Content, Error> {
        let mut wrong = BadRequest::default();
        wrong.violation("text", request.text);
        let error = Error::invalid_argument("wrong")
            .with(RetryInfo::after(Duration::from_millis(1500)))
            .with(wrong)
            .with(ErrorInfo { reason: "R".to_owned(), domain: "D".to_owned(), metadata: vec![] });
        let of_sdk: BadRequest = error.detail()?.ok_or_else(|| Error::internal("no BadRequest"))?;
        let retry: RetryInfo = error.detail()?.ok_or_else(|| Error::internal("no RetryInfo"))?;
        assert_eq!(retry.delay(), Some(Duration::from_millis(1500)));
        let of_project: proto::google::rpc::BadRequest = error.detail()?.ok_or_else(|| Error::internal("no detail"))?;
        assert_eq!(of_sdk.field_violations[0].description, of_project.field_violations[0].description);
        assert_eq!(error.detail::<proto::google::rpc::QuotaFailure>()?, None);
        Ok(Content { any: Some(Any::pack(&of_project)?) })
    }

    fn operate(request: Text) -> Result<Operation, Error> {
        let tree = Tree { name: request.text.clone(), ..Tree::default() };
        let operation = match request.text.as_str() {
            "done" => Operation::done("operations/1", &tree)?,
            "failed" => Operation::failed("operations/2", &Error::not_found("no tree").with(Any::pack(&tree)?)),
            _ => Operation::running("operations/3"),
        };
        let operation = operation.with_metadata(&request)?;
        match operation.outcome::<Tree>() {
            Some(Ok(found)) => assert_eq!(found, tree),
            Some(Err(error)) => assert_eq!(error.message, "no tree"),
            None => assert!(!operation.done),
        }
        Ok(operation)
    }
}

/// Turns all lists over, and makes of what is only here what it holds.
fn turn(tree: Tree) -> Tree {
    let Tree { name, left, children, by_name, kind, twig } = tree;
    Tree {
        name: name.chars().rev().collect(),
        left: left.map(|left| Box::new(turn(*left))),
        children: children.into_iter().rev().map(turn).collect(),
        by_name: by_name.into_iter().map(|(name, tree)| (name, turn(tree))).collect(),
        kind: kind.map(|kind| match kind {
            TreeKind::Only(tree) => TreeKind::Only(Box::new(turn(*tree))),
            TreeKind::Leaf(leaf) => TreeKind::Leaf(Leaf { green: !leaf.green }),
            TreeKind::Text(text) => TreeKind::Text(text.to_uppercase()),
        }),
        twig: twig.map(|twig| Twig { end: twig.end.map(|end| Box::new(turn(*end))), length: -twig.length }),
    }
}

impl Trees for Service {
    fn turn(request: Tree) -> Result<Tree, Error> {
        Ok(turn(request))
    }

    fn each(request: Tree, responses: &TreeWriter) -> Result<(), Error> {
        request.children.iter().try_for_each(|child| responses.write(child))
    }

    fn all(requests: &TreeReader) -> Result<Tree, Error> {
        let children = requests.into_iter().collect::<Result<Vec<Tree>, Error>>()?;
        Ok(Tree { name: "all".to_owned(), children, ..Tree::default() })
    }

    fn chat(requests: &TreeReader, responses: &TreeWriter) -> Result<(), Error> {
        while let Some(tree) = requests.read()? {
            responses.write(&turn(tree))?;
        }
        Ok(())
    }

    fn count(request: Tree) -> Result<Text, Error> {
        Ok(Text { text: request.children.len().to_string() })
    }

    fn plant(request: Text) -> Result<Tree, Error> {
        Ok(Tree { name: request.text, ..Tree::default() })
    }

    fn grow(requests: &TextReader, responses: &TreeWriter) -> Result<(), Error> {
        requests.messages().try_for_each(|text| responses.write(&Self::plant(text?)?))
    }

    fn deep() -> Result<Tree, Error> {
        let mut tree = Tree::default();
        for _ in 0..500 {
            tree = Tree { left: Some(Box::new(tree)), ..Tree::default() };
        }
        Ok(tree)
    }
}

impl Forest for Service {
    fn walk(request: Tree) -> Result<Tree, Error> {
        let turned = trees::turn(&request)?;
        let mut children = Vec::new();
        for child in &trees::each(&turned)? {
            children.push(child?);
        }
        let all = trees::all()?;
        children.iter().try_for_each(|child| all.write(child))?;
        let all = all.finish()?;
        let chat = trees::chat()?;
        all.children.iter().try_for_each(|child| chat.write(child))?;
        chat.done_writing()?;
        let children = chat.messages().collect::<Result<Vec<Tree>, Error>>()?;
        let grow = trees::grow()?;
        let count = trees::count(&turned)?;
        grow.write(&count)?;
        grow.done_writing()?;
        let grown = grow.read()?.map(|tree| ("grown".to_owned(), tree));
        let planted = trees::plant(&count)?;
        let by_name = grown.into_iter().chain([("planted".to_owned(), planted)]).collect();
        Ok(Tree { children, by_name, ..turned })
    }
}

okra_guest::export!(Service);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_through_bytes_and_json_on_the_developers_machine() {
        let leaf = Tree { name: "leaf".to_owned(), kind: Some(TreeKind::Leaf(Leaf { green: true })), ..Tree::default() };
        let tree = Tree {
            left: Some(Box::new(leaf.clone())),
            by_name: vec![("a".to_owned(), leaf.clone())],
            kind: Some(TreeKind::Only(Box::new(leaf))),
            ..Tree::default()
        };
        assert_eq!(Tree::decode(&tree.encode_to_vec().unwrap()).unwrap(), tree);
        let content = Content { any: Some(Any::pack(&tree).unwrap()) };
        let json = content.to_json().unwrap();
        assert!(json.starts_with(r#"{"any":{"@type":"type.googleapis.com/test.codec.v1.Tree","left":{"name":"leaf""#), "{json}");
        assert_eq!(Content::from_json(&json).unwrap(), content);
        assert_eq!(content.any.unwrap_or_default().unpack::<Tree>().unwrap(), tree);
        assert_eq!(turn(turn(tree.clone())), tree);
    }

    #[test]
    fn a_tree_that_is_too_deep_is_refused() {
        let deep = |levels: usize| {
            let mut bytes = Vec::new();
            for _ in 0..levels {
                let mut outer = vec![0x12];
                let mut length = bytes.len();
                while length >= 0x80 {
                    outer.push(length as u8 | 0x80);
                    length >>= 7;
                }
                outer.push(length as u8);
                outer.append(&mut bytes);
                bytes = outer;
            }
            bytes
        };
        assert!(Tree::decode(&deep(100)).is_ok());
        for levels in [101, 5_000] {
            let error = Tree::decode(&deep(levels)).unwrap_err().to_string();
            assert!(error.contains("more than 100 messages"), "{error}");
        }
        let json = |levels: usize| r#"{"left":"#.repeat(levels) + "{}" + &"}".repeat(levels);
        assert!(Tree::from_json(&json(100)).is_ok());
        for levels in [101, 5_000] {
            assert!(Tree::from_json(&json(levels)).is_err());
        }
        let tree = Service::deep().unwrap();
        assert!(tree.encode_to_vec().is_err() && tree.to_json().is_err());
    }
}
