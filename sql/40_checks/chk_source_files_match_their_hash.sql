-- offenders: files whose content is not what source.toml declares
with files as (
    select * from stg_source_files
)

select
    source_id || '/' || file_name as place,
    case
        when sha256 is null then 'the file is not listed in source.toml'
        when found_sha256 is null then 'source.toml lists the file but it is missing'
        when sha256 != found_sha256 then 'sha256 differs from source.toml'
        else 'rows: ' || coalesce(declared_rows, 0) || ' declared, ' || found_rows || ' found'
    end as description,
from files
where
    sha256 is distinct from found_sha256
    or declared_rows is distinct from found_rows
order by place
