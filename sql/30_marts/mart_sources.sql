-- one row per (source_id, file_name): what was delivered, from where and under which licence
with sources as (
    select * from stg_sources
),

files as (
    select * from stg_source_files
),

joined as (
    select
        sources.source_id,
        sources.title,
        sources.url,
        sources.kind,
        sources.as_of_date,
        sources.licence,
        sources.is_paper_mode,
        sources.is_local,
        files.file_name,
        files.found_rows as n_rows,
        files.found_sha256 as sha256,
        sources.notes,
    from sources
    left join files
        on sources.source_id = files.source_id
)

select * from joined
order by source_id, file_name
