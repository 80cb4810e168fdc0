"""Forms for projects and users."""

from __future__ import annotations

from backends.cloud import Cloud
from backends.records.identity import Role
from backends.services.base import good_name
from backends.services.user import check_password
from console.screens.forms.suggest import description, next_name, project_name
from console.widgets.fields import Choice, Loaded, Text
from console.widgets.form import Form, Request, Values


class ProjectForm(Form):
    """A new project."""

    heading = "New project"
    fields = (
        Text("name", "Name", project_name),
        Text("description", "Description", description, optional=True),
    )

    def load(self) -> dict[str, Loaded]:
        taken = {each.name for each in self.cloud.identity.projects()}
        return {"name": Loaded(next_name("project", taken))}

    def request(self, values: Values) -> Request:
        name, text = values["name"], values["description"]
        return Request(
            f"Create project {name}",
            lambda cloud: cloud.identity.create_project(name, description=text),
        )


class UserForm(Form):
    """A new user, with a role in a project."""

    heading = "New user"
    fields = (
        Text("name", "Name", good_name),
        Text("password", "Password", check_password, secret=True, optional=True, hint="none"),
        Choice("project", "Project", optional=True, hint="none"),
        Choice("role", "Role there", tuple((role.value, role.value) for role in Role), "member"),
        Text("email", "Mail address", description, optional=True),
    )

    def load(self) -> dict[str, Loaded]:
        cloud = self.cloud
        projects = [(each.name, each.id) for each in cloud.identity.projects()]
        taken = {each.name for each in cloud.identity.users()}
        return {
            "name": Loaded(next_name("user", taken)),
            "project": Loaded(cloud.caller.project_id, projects),
        }

    def request(self, values: Values) -> Request:
        name, project, role = values["name"], values["project"], values["role"]
        password, email = values["password"] or None, values["email"]

        def create(cloud: Cloud) -> object:
            user = cloud.identity.create_user(
                name, password=password, project=project or None, email=email
            )
            if project:
                cloud.identity.assign(role, user=user.id, project=project)
            return user

        return Request(f"Create user {name}", create)
