//! Tests of [`Marks`]: which post is with the client, by the bytes that its TCP has acknowledged.

use super::conn::Marks;
use reef_engine::model::Seq;

#[test]
fn a_post_is_with_the_client_once_its_last_byte_is() {
    let mut marks = Marks::default();
    assert!(!marks.waits());
    marks.handed(Seq(7));
    marks.written(100);
    assert_eq!((marks.acknowledged(99), marks.waits()), (None, true));
    assert_eq!((marks.acknowledged(100), marks.waits()), (Some(Seq(7)), false));
    assert_eq!(marks.acknowledged(100), None, "it is told once");
}

#[test]
fn what_was_handed_counts_only_when_all_of_it_is_with_the_kernel() {
    let mut marks = Marks::default();
    marks.handed(Seq(7));
    // The kernel took a part of it: nobody says `written`.
    assert_eq!((marks.acknowledged(u64::MAX), marks.waits()), (None, false));
    marks.handed(Seq(9));
    marks.handed(Seq(8));
    marks.written(300);
    assert_eq!(marks.acknowledged(299), None);
    assert_eq!(
        marks.acknowledged(300),
        Some(Seq(9)),
        "the newest of what was written at once"
    );
}

#[test]
fn of_posts_behind_the_one_that_is_waited_for_the_newest_counts() {
    let mut marks = Marks::default();
    for (seq, written) in [(1, 100), (2, 200), (3, 300)] {
        marks.handed(Seq(seq));
        marks.written(written);
    }
    assert_eq!(
        marks.acknowledged(299),
        Some(Seq(1)),
        "the second is told with the third"
    );
    assert_eq!((marks.acknowledged(299), marks.waits()), (None, true));
    assert_eq!((marks.acknowledged(300), marks.waits()), (Some(Seq(3)), false));
    for (seq, written) in [(4, 400), (5, 500)] {
        marks.handed(Seq(seq));
        marks.written(written);
    }
    assert_eq!(marks.acknowledged(1000), Some(Seq(5)), "both at once");
    assert!(!marks.waits());
}

#[test]
fn bytes_that_bring_no_post_move_no_mark() {
    let mut marks = Marks::default();
    marks.written(50);
    assert!(!marks.waits());
    marks.handed(Seq(1));
    marks.written(100);
    marks.written(150);
    assert_eq!(marks.acknowledged(100), Some(Seq(1)));
}

#[test]
fn the_last_is_known_while_it_waits_and_nothing_is_half_written() {
    let mut marks = Marks::default();
    assert_eq!(marks.last(), None);
    marks.handed(Seq(1));
    assert_eq!(marks.last(), None, "not all of it is with the kernel");
    marks.written(100);
    assert_eq!(marks.last(), Some(Seq(1)));
    marks.handed(Seq(2));
    assert_eq!(marks.last(), None);
    marks.written(200);
    assert_eq!(marks.last(), Some(Seq(2)));
    assert_eq!(marks.acknowledged(200), Some(Seq(2)));
    assert_eq!(marks.last(), None, "all of it is acknowledged");
}
