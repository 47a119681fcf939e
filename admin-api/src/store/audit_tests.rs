//! The chain from the first entry to the head, and every way of rewriting it that must be found.

use super::*;
use crate::store::Store;

fn deed(subject: &str) -> Deed {
    Deed {
        actor: "box:jane".to_owned(),
        action: "token.new",
        subject: subject.to_owned(),
        detail: String::new(),
    }
}

#[tokio::test]
async fn entries_follow_each_other_and_a_code_proves_where_the_chain_was() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).await.unwrap();
    let audit = store.audit();
    assert_eq!(audit.verify(Head::default()).await.unwrap(), Head::default(), "an empty chain is whole");
    for subject in ["one", "two", "three"] {
        audit.append(&deed(subject)).await.unwrap();
    }
    let head = audit.verify(Head::default()).await.unwrap();
    assert_eq!(head.seq, 3);
    let code: Code = head.code().to_string().parse().unwrap();
    audit.append(&deed("four")).await.unwrap();
    assert_eq!(audit.verify(head.clone()).await.unwrap().seq, 4, "only what is new is looked at");
    let (now, is_of_it) = audit.verify_witness(&code).await.unwrap();
    assert_eq!((now.seq, is_of_it), (4, true));
    let forged: Code = "3-0000000000000000".parse().unwrap();
    assert!(!audit.verify_witness(&forged).await.unwrap().1);
    let later: Code = format!("9-{}", &head.hash[..16]).parse().unwrap();
    assert!(!audit.verify_witness(&later).await.unwrap().1, "a record that was cut short is found");
    assert_eq!(audit.page(2, 1).await.unwrap()[0].subject, "three");
}

#[tokio::test]
async fn whatever_is_changed_is_found() {
    for (damage, seq) in [
        ("UPDATE audit SET actor = 'box:mallory' WHERE seq = 2", 2),
        ("UPDATE audit SET at_ms = 0 WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("UPDATE audit SET prev = '' WHERE seq = 3", 3),
        // What was cut from one field and pasted to the next.
        ("UPDATE audit SET action = 'token.newt', subject = 'wo' WHERE seq = 2", 2),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).await.unwrap();
        for subject in ["one", "two", "three"] {
            store.audit().append(&deed(subject)).await.unwrap();
        }
        sqlx::query(damage).execute(&store.pool).await.unwrap();
        match store.audit().verify(Head::default()).await {
            Err(AuditError::Broken { seq: found, .. }) => assert_eq!(found, seq, "{damage}"),
            other => panic!("{damage}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_store_from_another_box_begins_no_new_chain_in_this_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).await.unwrap();
    store.audit().append(&deed("one")).await.unwrap();
    store.close().await;
    let again = Store::open(directory.path()).await.unwrap();
    assert_eq!(again.audit().append(&deed("two")).await.unwrap().seq, 2, "the box keeps its name");
}

#[test]
fn codes_are_told_from_other_words() {
    assert!("42-9F86d081884c7d65".parse::<Code>().is_ok());
    for wrong in ["", "42", "42-", "x-9f86d081884c7d65", "42-9f86d081884c7d6", "42-zf86d081884c7d65"] {
        assert!(wrong.parse::<Code>().is_err(), "{wrong}");
    }
}
