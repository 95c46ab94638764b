;; Answers with whatever no toolchain would: `way` says which.
(module
  (import "okra:service/outgoing@0.2.0" "[constructor]scope" (func $scope (result i32)))
  (import "okra:service/outgoing@0.2.0" "[method]scope.set-timeout" (func $set-timeout (param i32 i64)))
  (import "okra:service/outgoing@0.2.0" "[resource-drop]scope" (func $drop (param i32)))
  (memory (export "memory") 64)
  (global $next (mut i32) (i32.const 0x10000))
  (global $evil (mut i32) (i32.const 0))

  (data (i32.const 0x100) "fine")
  (data (i32.const 0x110) "\ff\fe")

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (if (i32.eq (global.get $evil) (i32.const 1)) (then (return (i32.const 0xfffffff0))))
    (if (i32.eq (global.get $evil) (i32.const 2)) (then unreachable))
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  ;; result<answer, error> at 0x200: discriminant, text (pointer, length), lines (pointer, length).
  (func $answer (param $case i32) (param $text i32) (param $length i32) (param $lines i32) (param $count i32) (result i32)
    (i32.store8 (i32.const 0x200) (local.get $case))
    (i32.store (i32.const 0x204) (local.get $text))
    (i32.store (i32.const 0x208) (local.get $length))
    (i32.store (i32.const 0x20c) (local.get $lines))
    (i32.store (i32.const 0x210) (local.get $count))
    (i32.const 0x200))

  (func $fine (result i32)
    (call $answer (i32.const 0) (i32.const 0x100) (i32.const 4) (i32.const 4) (i32.const 0)))

  ;; 100,000 lines that are all the same megabyte.
  (func $alias (result i32)
    (local $at i32)
    (local.set $at (i32.const 0x200000))
    (loop $next
      (i32.store (local.get $at) (i32.const 0x10000))
      (i32.store offset=4 (local.get $at) (i32.const 0x100000))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 0x2c3500))))
    (call $answer (i32.const 0) (i32.const 0x100) (i32.const 4) (i32.const 0x200000) (i32.const 100000)))

  (func $recurse (param i32) (result i32)
    (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))

  (func (export "test:hostile/hostile@1.0.0#answer") (param $way i32) (param $name i32) (param $length i32) (result i32)
    (local $scope i32)
    (block $9 (block $8 (block $7 (block $6 (block $5 (block $4 (block $3 (block $2 (block $1 (block $0
      (block $12 (block $11 (block $10
        (br_table $0 $1 $2 $3 $4 $5 $6 $7 $8 $9 $10 $11 $12 $0 (local.get $way)))
        ;; 10: this and later calls cannot allocate within the memory.
        (global.set $evil (i32.const 1)) (return (call $fine)))
      ;; 11: later calls trap while they allocate.
      (global.set $evil (i32.const 2)) (return (call $fine)))
      ;; 12: overflows the stack.
      (return (call $recurse (i32.const 0))))
      (return (call $fine)))
      ;; 1: the answer lies outside of the memory.
      (return (i32.const 0xfffffff0)))
      ;; 2: the answer is not aligned.
      (drop (call $fine)) (return (i32.const 0x201)))
      ;; 3: neither ok nor error.
      (return (call $answer (i32.const 9) (i32.const 0x100) (i32.const 4) (i32.const 4) (i32.const 0))))
      ;; 4: a text outside of the memory.
      (return (call $answer (i32.const 0) (i32.const 0x100) (i32.const 0xffffffff) (i32.const 4) (i32.const 0))))
      ;; 5: a text that is not UTF-8.
      (return (call $answer (i32.const 0) (i32.const 0x110) (i32.const 2) (i32.const 4) (i32.const 0))))
      ;; 6: 100 GB.
      (return (call $alias)))
      ;; 7: a handle that is none.
      (call $set-timeout (i32.const 12345) (i64.const 1)) (return (call $fine)))
      ;; 8: a handle dropped twice.
      (local.set $scope (call $scope)) (call $drop (local.get $scope)) (call $drop (local.get $scope))
      (return (call $fine)))
      ;; 9: handles without end, none of them dropped.
      (loop $more (drop (call $scope)) (br $more)) (unreachable)))
