import subprocess

from components.runtime import provenance


def test_in_a_checkout_git_says_it(repository):
    code = provenance.code()
    head = subprocess.run(['git', 'rev-parse', 'HEAD'], cwd=repository, capture_output=True, text=True, check=True)
    assert code['commit'] == head.stdout.strip()
    assert code['dirty'] in ('true', 'false')
    assert code['version']


def test_in_an_image_the_environment_says_it(monkeypatch):
    for name in ('COMMIT', 'BRANCH', 'REPOSITORY', 'IMAGE'):
        monkeypatch.setenv(f'PIFPAF_{name}', f'the {name}')
    code = provenance.code()
    assert [code[name] for name in ('commit', 'branch', 'repository', 'image')] == [
        'the COMMIT', 'the BRANCH', 'the REPOSITORY', 'the IMAGE'
    ]  # fmt: skip


def test_tags_have_the_names_that_mlflow_shows():
    tags = provenance.mlflow_tags(
        {'commit': 'abc', 'version': '1', 'dirty': 'true'}, kfp__run_id='r', dataset__digest=''
    )
    assert tags['mlflow.source.git.commit'] == 'abc'
    assert tags['git.dirty'] == 'true'
    assert tags['kfp.run_id'] == 'r'
    assert 'dataset.digest' not in tags
    assert tags['mlflow.user']


def test_the_address_of_the_pipeline_run(monkeypatch):
    assert 'kfp.run_url' not in provenance.mlflow_tags({}, kfp__run_id='r')
    monkeypatch.setenv('KF_PIPELINES_UI_ENDPOINT', 'https://kfp.example/')
    assert provenance.mlflow_tags({}, kfp__run_id='r')['kfp.run_url'] == 'https://kfp.example/#/runs/details/r'
    assert 'kfp.run_url' not in provenance.mlflow_tags({}, kfp__run_id='')
