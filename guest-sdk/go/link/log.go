package link

import (
	"context"
	"log/slog"
)

// Log is the host's log, over its bindings.
type Log interface {
	Enabled(slog.Level) bool
	Write(level slog.Level, message string, fields [][2]string)
}

// SetLog has package log/slog, and so package log, write to the host's log.
func SetLog(log Log) {
	slog.SetDefault(slog.New(&handler{log: log}))
}

// handler is a [slog.Handler]. The host adds time, service, instance, method and trace to each line.
type handler struct {
	log    Log
	fields [][2]string
	group  string
}

func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return h.log.Enabled(level)
}

func (h *handler) Handle(_ context.Context, record slog.Record) error {
	fields := h.fields[:len(h.fields):len(h.fields)]
	record.Attrs(func(attr slog.Attr) bool {
		fields = appendAttr(fields, h.group, attr)
		return true
	})
	h.log.Write(record.Level, record.Message, fields)
	return nil
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.fields = h.fields[:len(h.fields):len(h.fields)]
	for _, attr := range attrs {
		with.fields = appendAttr(with.fields, h.group, attr)
	}
	return &with
}

func (h *handler) WithGroup(name string) slog.Handler {
	with := *h
	if name != "" {
		with.group += name + "."
	}
	return &with
}

func appendAttr(fields [][2]string, group string, attr slog.Attr) [][2]string {
	value := attr.Value.Resolve()
	if value.Kind() != slog.KindGroup {
		if attr.Equal(slog.Attr{}) {
			return fields
		}
		return append(fields, [2]string{group + attr.Key, value.String()})
	}
	if attr.Key != "" {
		group += attr.Key + "."
	}
	for _, attr := range value.Group() {
		fields = appendAttr(fields, group, attr)
	}
	return fields
}
