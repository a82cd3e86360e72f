-- What the checker's workload changes, in PostgreSQL.  Every committed transaction of it ends
-- with finish(), which writes down in the ledger how many changes it made.
drop schema public cascade;
create schema public;

create table account (
	id bigint primary key,
	version integer not null,
	balance numeric(20, 4),
	name varchar(80),
	note text,                      -- large now and then: stored out of line, and then unchanged
	at timestamptz,
	data bytea,
	flag boolean,
	tags text[],
	uid uuid,
	day date,
	doc jsonb
);
create table line (
	account bigint,
	number integer,
	what text not null,
	primary key (account, number)
);
create table keyless (
	kind integer,
	what text
);
alter table keyless replica identity full;
create table complete (
	id bigint primary key,
	version integer not null,
	note text
);
alter table complete replica identity full;
create table scratch (
	id bigint primary key,
	what text
);
create table ledger (
	txn bigint primary key,
	changes integer not null
);
create sequence account_id;
create sequence ledger_txn;

create function add_changes(count integer) returns void language sql as $$
	select set_config('workload.changes', (coalesce(nullif(current_setting('workload.changes', true), ''), '0')::integer
		+ count)::text, true);
$$;

create function random_text(lowest integer, highest integer) returns text language sql volatile as $$
	select string_agg(md5(random()::text), '') from generate_series(0, (lowest + floor(random() * (highest - lowest)))::integer / 32);
$$;

-- A row of its own is large and does not compress, so that it is stored out of line.
create function random_note() returns text language sql volatile as $$
	select case when random() < 0.2 then random_text(2500, 5000) when random() < 0.3 then null
		else E'it''s\ta "note"\\ \n€ ' || md5(random()::text) end;
$$;

create function insert_account() returns integer language plpgsql as $$
begin
	insert into account values (nextval('account_id'), 1, (random() * 1e9)::numeric(20, 4), md5(random()::text),
		random_note(), clock_timestamp(), decode(md5(random()::text), 'hex'), random() < 0.5,
		array['a', null, 'b "c", {d}\e', md5(random()::text)], gen_random_uuid(), date '1999-12-31' + (random() * 9999)::integer,
		jsonb_build_object('n', random(), 'list', jsonb_build_array(1, null, 'x')));
	insert into complete values (currval('account_id'), 1, random_note());
	return 2;
end $$;

create function update_account() returns integer language plpgsql as $$
declare
	lowest bigint;
	highest bigint;
	target bigint;
	affected integer;
	total integer := 0;
begin
	select min(id), max(id) into lowest, highest from account;
	if lowest is null then
		return 0;
	end if;
	target := lowest + floor(random() * (highest - lowest + 1));
	if random() < 0.3 then
		update account set version = version + 1, note = random_note(), tags = null where id = target;
	else
		update account set version = version + 1, balance = -balance, flag = not flag, at = clock_timestamp() where id = target;
	end if;
	get diagnostics affected = row_count;
	total := total + affected;
	update complete set version = version + 1 where id = target;
	get diagnostics affected = row_count;
	return total + affected;
end $$;

create function delete_account() returns integer language plpgsql as $$
declare
	lowest bigint;
	highest bigint;
	target bigint;
	affected integer;
	total integer := 0;
begin
	select min(id), max(id) into lowest, highest from account;
	if lowest is null then
		return 0;
	end if;
	target := lowest + floor(random() * (highest - lowest + 1));
	delete from account where id = target;
	get diagnostics affected = row_count;
	total := affected;
	delete from complete where id = target;
	get diagnostics affected = row_count;
	return total + affected;
end $$;

create function change_lines() returns integer language plpgsql as $$
declare
	dice double precision := random();
	target record;
	affected integer;
begin
	if dice < 0.5 then
		insert into line values (floor(random() * 1000), nextval('account_id'), md5(random()::text));
		return 1;
	end if;
	select account, number into target from line order by number limit 1 offset floor(random() * 50);
	if target is null then
		return 0;
	end if;
	if dice < 0.7 then
		update line set what = md5(random()::text) where account = target.account and number = target.number;
	elsif dice < 0.85 then
		-- Another key: a delete and a create.
		update line set number = nextval('account_id') where account = target.account and number = target.number;
		get diagnostics affected = row_count;
		return 2 * affected;
	else
		delete from line where account = target.account and number = target.number;
	end if;
	get diagnostics affected = row_count;
	return affected;
end $$;

create function change_keyless() returns integer language plpgsql as $$
declare
	dice double precision := random();
	affected integer;
begin
	if dice < 0.5 then
		-- The same row may be there many times.
		insert into keyless values (floor(random() * 5), case when random() < 0.5 then 'twin' else md5(random()::text) end);
	elsif dice < 0.8 then
		update keyless set what = md5(random()::text) where ctid = (select ctid from keyless limit 1 offset floor(random() * 20));
	else
		delete from keyless where ctid = (select ctid from keyless limit 1 offset floor(random() * 20));
	end if;
	get diagnostics affected = row_count;
	return affected;
end $$;

create function change_scratch() returns integer language plpgsql as $$
begin
	if random() >= 0.03 then
		insert into scratch values (nextval('account_id'), md5(random()::text));
		return 1;
	end if;
	-- A table that is truncated while a slot is being made, PostgreSQL (15.20) cannot decode any more: "could not
	-- map filenode".  The lock gives this transaction its id, so a slot that begins to be made now knows of it.
	lock table scratch;
	if exists (select from pg_replication_slots where confirmed_flush_lsn is null) then
		return 0;
	end if;
	truncate scratch;
	return 1;
end $$;

create function work(count integer) returns void language plpgsql as $$
declare
	dice double precision;
	changed integer;
begin
	for n in 1..count loop
		dice := random();
		changed := case when dice < 0.3 then insert_account() when dice < 0.6 then update_account()
			when dice < 0.7 then delete_account() when dice < 0.85 then change_lines()
			when dice < 0.95 then change_keyless() else change_scratch() end;
		perform add_changes(changed);
	end loop;
end $$;

create function finish() returns void language plpgsql as $$
begin
	perform add_changes(1);
	insert into ledger values (nextval('ledger_txn'), current_setting('workload.changes')::integer);
end $$;
