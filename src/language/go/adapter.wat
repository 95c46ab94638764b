;; WASI preview 1, which Go's runtime and standard library import, in terms of preview 2, which the host has.
;;
;; Clocks, random and standard output are real. There are no arguments, no environment and no files: what asks for them
;; is told so. Go's runtime says by `adapter_monotonic_clock_set_paused` when it allocates for the host, in which time
;; no import may be called; clocks then stand still.
;;
;; Each function answers with an errno: 0 SUCCESS, 2 ACCES, 8 BADF, 28 INVAL, 29 IO, 52 NOSYS. It is given no memory of
;; its own. Where an import needs room for its result, the caller's place for the answer is used together with the bytes
;; behind it, which are put back before anybody could look.
(module
  (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $monotonic (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))
  (import "wasi:clocks/wall-clock@0.2.0" "now" (func $wall (param i32)))
  (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
  (import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
  (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/error@0.2.0" "[resource-drop]error" (func $drop_error (param i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop_pollable (param i32)))
  (import "env" "memory" (memory 0))

  (global $paused (mut i32) (i32.const 0))
  ;; What the clocks said last. Go divides by the time that has passed, so none begins at 0.
  (global $last_monotonic (mut i64) (i64.const 1))
  (global $last_wall (mut i64) (i64.const 1))
  ;; Handles of the output streams, each got when it is first written to.
  (global $out (mut i32) (i32.const 0))
  (global $err (mut i32) (i32.const 0))

  (func (export "adapter_monotonic_clock_set_paused") (param i32)
    (global.set $paused (local.get 0)))

  ;; Clocks

  (func $monotonic_now (result i64)
    (if (global.get $paused)
      (then (global.set $last_monotonic (i64.add (global.get $last_monotonic) (i64.const 1))))
      (else (global.set $last_monotonic (call $monotonic))))
    (global.get $last_monotonic))

  ;; `$at` has room for 16 bytes: a record of seconds and nanoseconds.
  (func $wall_now (param $at i32)
    (call $wall (local.get $at))
    (global.set $last_wall
      (i64.add
        (i64.mul (i64.load (local.get $at)) (i64.const 1_000_000_000))
        (i64.load32_u offset=8 (local.get $at)))))

  (func (export "clock_time_get") (param $clock i32) (param i64) (param $at i32) (result i32)
    (local $behind i64)
    (if (i32.gt_u (local.get $clock) (i32.const 1)) (then (return (i32.const 28))))
    (if (local.get $clock)
      (then (i64.store (local.get $at) (call $monotonic_now)))
      (else
        (if (i32.eqz (global.get $paused))
          (then
            (local.set $behind (i64.load offset=8 (local.get $at)))
            (call $wall_now (local.get $at))
            (i64.store offset=8 (local.get $at) (local.get $behind))))
        (i64.store (local.get $at) (global.get $last_wall))))
    (i32.const 0))

  (func (export "clock_res_get") (param $clock i32) (param $at i32) (result i32)
    (if (i32.gt_u (local.get $clock) (i32.const 1)) (then (return (i32.const 28))))
    (i64.store (local.get $at) (i64.const 1))
    (i32.const 0))

  ;; Waits for the first of the clocks, whose times Go tells from now. Subscriptions to files end at once, with BADF.
  (func (export "poll_oneoff") (param $in i32) (param $events i32) (param $count i32) (param $ready i32) (result i32)
    (local $end i32)
    (local $each i32)
    (local $is_file i32)
    (local $shortest i64)
    (local $pollable i32)
    (if (i32.eqz (local.get $count)) (then (return (i32.const 28))))
    (local.set $end (i32.add (local.get $in) (i32.mul (local.get $count) (i32.const 48))))
    (local.set $shortest (i64.const -1))
    (local.set $each (local.get $in))
    (loop $look
      (if (i32.load8_u offset=8 (local.get $each))
        (then (local.set $shortest (i64.const 0)))
        (else
          ;; A point in time instead.
          (if (i32.and (i32.load16_u offset=40 (local.get $each)) (i32.const 1)) (then (return (i32.const 28))))
          (if (i64.lt_u (i64.load offset=24 (local.get $each)) (local.get $shortest))
            (then (local.set $shortest (i64.load offset=24 (local.get $each)))))))
      (local.set $each (i32.add (local.get $each) (i32.const 48)))
      (br_if $look (i32.lt_u (local.get $each) (local.get $end))))
    (if (i32.and (i64.ne (local.get $shortest) (i64.const 0)) (i32.eqz (global.get $paused)))
      (then
        (local.set $pollable (call $subscribe (local.get $shortest)))
        (call $block (local.get $pollable))
        (call $drop_pollable (local.get $pollable))))
    (i32.store (local.get $ready) (i32.const 0))
    (local.set $each (local.get $in))
    (loop $tell
      (local.set $is_file (i32.load8_u offset=8 (local.get $each)))
      (if (i32.or (local.get $is_file) (i64.le_u (i64.load offset=24 (local.get $each)) (local.get $shortest)))
        (then
          (i64.store (local.get $events) (i64.load (local.get $each)))
          (i32.store16 offset=8 (local.get $events) (select (i32.const 8) (i32.const 0) (local.get $is_file)))
          (i32.store8 offset=10 (local.get $events) (local.get $is_file))
          (i64.store offset=16 (local.get $events) (i64.const 0))
          (i32.store16 offset=24 (local.get $events) (i32.const 0))
          (local.set $events (i32.add (local.get $events) (i32.const 32)))
          (i32.store (local.get $ready) (i32.add (i32.load (local.get $ready)) (i32.const 1)))))
      (local.set $each (i32.add (local.get $each) (i32.const 48)))
      (br_if $tell (i32.lt_u (local.get $each) (local.get $end))))
    (i32.const 0))

  (func (export "sched_yield") (result i32) (i32.const 0))

  ;; Random

  (func (export "random_get") (param $at i32) (param $length i32) (result i32)
    (local $bits i64)
    (local $left i32)
    ;; No bytes are better than bytes that somebody could know.
    (if (global.get $paused) (then (return (i32.const 29))))
    (block $done
      (loop $each
        (br_if $done (i32.eqz (local.get $length)))
        (if (i32.eqz (local.get $left))
          (then
            (local.set $bits (call $random))
            (local.set $left (i32.const 8))))
        (i64.store8 (local.get $at) (local.get $bits))
        (local.set $bits (i64.shr_u (local.get $bits) (i64.const 8)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br $each)))
    (i32.const 0))

  ;; Standard input, output and error; arguments, environment, the end

  (func $stream (param $fd i32) (result i32)
    (if (i32.eq (local.get $fd) (i32.const 1))
      (then
        (if (i32.eqz (global.get $out)) (then (global.set $out (i32.add (call $stdout) (i32.const 1)))))
        (return (i32.sub (global.get $out) (i32.const 1)))))
    (if (i32.eqz (global.get $err)) (then (global.set $err (i32.add (call $stderr) (i32.const 1)))))
    (i32.sub (global.get $err) (i32.const 1)))

  ;; Writes a piece; `$at` has room for 12 bytes. Gives an errno.
  (func $write_piece (param $stream i32) (param $from i32) (param $length i32) (param $at i32) (result i32)
    (call $write (local.get $stream) (local.get $from) (local.get $length) (local.get $at))
    (if (i32.eqz (i32.load8_u (local.get $at))) (then (return (i32.const 0))))
    ;; last-operation-failed carries an error of its own.
    (if (i32.eqz (i32.load8_u offset=4 (local.get $at)))
      (then (call $drop_error (i32.load offset=8 (local.get $at)))))
    (i32.const 29))

  (func (export "fd_write") (param $fd i32) (param $pieces i32) (param $count i32) (param $at i32) (result i32)
    (local $from i32)
    (local $length i32)
    (local $part i32)
    (local $written i32)
    (local $behind i64)
    (local $errno i32)
    (if (i32.and (i32.ne (local.get $fd) (i32.const 1)) (i32.ne (local.get $fd) (i32.const 2)))
      (then (return (i32.const 8))))
    (if (global.get $paused) (then (return (i32.const 29))))
    (local.set $behind (i64.load offset=4 align=4 (local.get $at)))
    (block $done
      (loop $each
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $from (i32.load (local.get $pieces)))
        (local.set $length (i32.load offset=4 (local.get $pieces)))
        (loop $part
          (if (local.get $length)
            (then
              ;; As much as a stream takes at once.
              (local.set $part
                (select (local.get $length) (i32.const 4096) (i32.lt_u (local.get $length) (i32.const 4096))))
              (local.set $errno
                (call $write_piece
                  (call $stream (local.get $fd)) (local.get $from) (local.get $part) (local.get $at)))
              (br_if $done (local.get $errno))
              (local.set $written (i32.add (local.get $written) (local.get $part)))
              (local.set $from (i32.add (local.get $from) (local.get $part)))
              (local.set $length (i32.sub (local.get $length) (local.get $part)))
              (br $part))))
        (local.set $pieces (i32.add (local.get $pieces) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $each)))
    (i64.store offset=4 align=4 (local.get $at) (local.get $behind))
    (i32.store (local.get $at) (local.get $written))
    (local.get $errno))

  ;; Standard input is at its end.
  (func (export "fd_read") (param $fd i32) (param i32 i32) (param $at i32) (result i32)
    (if (local.get $fd) (then (return (i32.const 8))))
    (i32.store (local.get $at) (i32.const 0))
    (i32.const 0))

  ;; The three that there are look like terminals without rights.
  (func (export "fd_fdstat_get") (param $fd i32) (param $at i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (i64.store (local.get $at) (i64.const 2))
    (i64.store offset=8 (local.get $at) (i64.const 0))
    (i64.store offset=16 (local.get $at) (i64.const 0))
    (i32.const 0))
  (func (export "fd_fdstat_set_flags") (param $fd i32) (param i32) (result i32)
    (select (i32.const 8) (i32.const 0) (i32.gt_u (local.get $fd) (i32.const 2))))
  (func (export "fd_filestat_get") (param $fd i32) (param $at i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (i64.store (local.get $at) (i64.const 0))
    (i64.store offset=8 (local.get $at) (i64.const 0))
    (i64.store offset=16 (local.get $at) (i64.const 2))
    (i64.store offset=24 (local.get $at) (i64.const 1))
    (i64.store offset=32 (local.get $at) (i64.const 0))
    (i64.store offset=40 (local.get $at) (i64.const 0))
    (i64.store offset=48 (local.get $at) (i64.const 0))
    (i64.store offset=56 (local.get $at) (i64.const 0))
    (i32.const 0))

  (func $none (param $count i32) (param $size i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $size) (i32.const 0))
    (i32.const 0))
  (export "args_sizes_get" (func $none))
  (export "environ_sizes_get" (func $none))
  (func (export "args_get") (param i32 i32) (result i32) (i32.const 0))
  (func (export "environ_get") (param i32 i32) (result i32) (i32.const 0))

  (func (export "proc_exit") (param $status i32)
    (if (i32.eqz (global.get $paused)) (then (call $exit (i32.ne (local.get $status) (i32.const 0)))))
    unreachable)
  (func (export "proc_raise") (param i32) (result i32) (i32.const 52))

  ;; Files: there is no descriptor but the three, and no folder to open one from

  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_allocate") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_close") (param i32) (result i32) (i32.const 8))
  (func (export "fd_datasync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_renumber") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_sync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_tell") (param i32 i32) (result i32) (i32.const 8))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (i32.const 2))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (i32.const 2))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 2))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 2))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 2))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 2))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (i32.const 2))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 2))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 2))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (i32.const 2))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (i32.const 8))
)
