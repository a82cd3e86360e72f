#include "storage/visibility.h"

#include <stdlib.h>

void visibility_init(struct visibility *visibility)
{
	*visibility = (struct visibility){ 0 };
	pthread_mutex_init(&visibility->lock, NULL);
}

void visibility_clear(struct visibility *visibility)
{
	free(visibility->writing.moves);
	free(visibility->written.moves);
	pthread_mutex_destroy(&visibility->lock);
}

static int add(struct visible_moves *moves, const struct partition *partition)
{
	if (moves->count == moves->capacity) {
		size_t capacity = moves->capacity == 0 ? 16 : moves->capacity * 2;
		struct visible_move *grown = realloc(moves->moves, capacity * sizeof(*grown));
		if (grown == NULL)
			return -1;
		moves->moves = grown;
		moves->capacity = capacity;
	}
	moves->moves[moves->count++] = (struct visible_move){
		.topic_id = partition->topic->id,
		.partition = partition->number,
		.from = partition->stored.visible_end,
		.to = partition->next.visible_end,
	};
	return 0;
}

int visibility_begin(struct visibility *visibility, const struct partition_list *dirty,
		     struct error *err)
{
	const struct partition *partition;
	int rc = 0;
	pthread_mutex_lock(&visibility->lock);
	visibility->writing.count = 0;
	TAILQ_FOREACH(partition, dirty, dirty_link)
		if (partition->next.visible_end != partition->stored.visible_end &&
		    (rc = add(&visibility->writing, partition)) != 0)
			break;
	pthread_mutex_unlock(&visibility->lock);
	return rc == 0 ? 0 : error_set(err, ERROR_MEMORY, "the list of visible ends");
}

void visibility_written(struct visibility *visibility)
{
	pthread_mutex_lock(&visibility->lock);
	struct visible_moves free_moves = visibility->written;
	visibility->written = visibility->writing;
	visibility->writing = free_moves;
	visibility->writing.count = 0;
	pthread_mutex_unlock(&visibility->lock);
}

void visibility_aborted(struct visibility *visibility)
{
	pthread_mutex_lock(&visibility->lock);
	visibility->writing.count = 0;
	pthread_mutex_unlock(&visibility->lock);
}

void visibility_durable(struct visibility *visibility)
{
	pthread_mutex_lock(&visibility->lock);
	visibility->written.count = 0;
	pthread_mutex_unlock(&visibility->lock);
}

static uint64_t limit(const struct visible_moves *moves, uint32_t topic_id, uint32_t partition,
		      uint64_t end)
{
	for (size_t i = 0; i < moves->count; i++) {
		const struct visible_move *move = &moves->moves[i];
		if (move->topic_id == topic_id && move->partition == partition && move->from < end)
			return move->from;
	}
	return end;
}

uint64_t visibility_limit(struct visibility *visibility, uint32_t topic_id, uint32_t partition,
			  uint64_t end)
{
	pthread_mutex_lock(&visibility->lock);
	end = limit(&visibility->written, topic_id, partition, end);
	end = limit(&visibility->writing, topic_id, partition, end);
	pthread_mutex_unlock(&visibility->lock);
	return end;
}
