;; Takes what it can get; `way` says of what.
(module
  (memory (export "memory") 64)
  (global $next (mut i32) (i32.const 0x10000))

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  ;; result<table, error> at 0x200: discriminant, rows (pointer, length).
  (func $answer (param $rows i32) (param $count i32) (result i32)
    (i32.store8 (i32.const 0x200) (i32.const 0))
    (i32.store (i32.const 0x204) (local.get $rows))
    (i32.store (i32.const 0x208) (local.get $count))
    (i32.const 0x200))

  ;; 100,000 rows, each with the same 2,000 records of 140 fields, which are not set.
  (func $alias (result i32)
    (local $at i32)
    (local.set $at (i32.const 0x80000))
    (loop $next
      (i32.store (local.get $at) (i32.const 0x200000))
      (i32.store offset=4 (local.get $at) (i32.const 2000))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 0x143500))))
    (call $answer (i32.const 0x80000) (i32.const 100000)))

  (func (export "test:greedy/greedy@1.0.0#take") (param $way i32) (result i32)
    (local $turns i32)
    (if (i32.eq (local.get $way) (i32.const 1)) (then (return (call $alias))))
    (if (i32.eq (local.get $way) (i32.const 2)) (then (loop $spin (br $spin))))
    ;; 3: takes some milliseconds.
    (if (i32.eq (local.get $way) (i32.const 3)) (then
      (loop $spin
        (local.set $turns (i32.add (local.get $turns) (i32.const 1)))
        (br_if $spin (i32.lt_u (local.get $turns) (i32.const 4000000))))))
    (call $answer (i32.const 8) (i32.const 0)))

  (func (export "cabi_post_test:greedy/greedy@1.0.0#take") (param i32)))
