#include "protocol/render_plan.h"

#include "protocol/render_text.h"

/* ExtractNewRecordState: the row alone.  A truncate has none and is dropped. */

bool render_flat_drops(const struct render *render)
{
	if (render->record.value.kind == CONTENT_NIL)
		return !render->options.keeps_tombstones;
	if (!render->is_change || render->plan == NULL)
		return false;
	switch (render->change.op) {
	case CHANGE_DELETE: return render->options.deletes == RENDER_DELETE_DROP;
	case CHANGE_TRUNCATE: return true;
	default: return false;
	}
}

bool render_flat_is_null(const struct render *render)
{
	return render->plan != NULL && render->change.op == CHANGE_DELETE &&
	       (render->options.deletes == RENDER_DELETE_TOMBSTONE || render->change.before.data == NULL);
}

/* Of a streamed change there Debezium writes null and not "false". */
static void add_field(struct render *render, struct text *text, enum render_field field)
{
	if (field == RENDER_FIELD_SNAPSHOT && render->facts.has_position &&
	    render->facts.position.marker == SNAPSHOT_NO)
		RENDER_TEXT_ADD(text, "null");
	else
		render_field_add(text, &render->facts, field);
}

int render_flat_value(struct render *render, struct text *text, struct error *err)
{
	bool is_delete = render->change.op == CHANGE_DELETE;
	struct bytes row = is_delete ? render->change.before : render->change.after;
	bool has_gap = false;

	if (render->plan == NULL)
		return render_debezium_value(render, text, err);
	if (row.data == NULL) {
		RENDER_TEXT_ADD(text, "null");
		return 0;
	}
	if (render_row_begin(text, render->plan, row, is_delete, &has_gap, err) != 0)
		return -1;
	if (render->options.deletes == RENDER_DELETE_REWRITE)
		text_add_string(text, is_delete ? ",\"__deleted\":\"true\"" : ",\"__deleted\":\"false\"");
	for (int i = 0; i < render->added_count; i++) {
		text_add_byte(text, ',');
		render_text_string(text, bytes_of_text(render->added[i].name));
		text_add_byte(text, ':');
		add_field(render, text, render->added[i].field);
	}
	text_add_byte(text, '}');
	return 0;
}
