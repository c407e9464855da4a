from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import invitation_views, member_views, profile_views, views, workspace_views

urlpatterns = [
    path("login", views.LoginView.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("workspace", workspace_views.workspace_switch, name="workspace_switch"),
    path("workspace/rename", workspace_views.workspace_rename, name="workspace_rename"),
    path("workspaces/new", workspace_views.workspace_new, name="workspace_new"),
    path("workspaces/<slug:id>/leave", workspace_views.workspace_leave, name="workspace_leave"),
    path("members", member_views.members_list, name="members"),
    path("members/invite", member_views.member_invite, name="member_invite"),
    path("members/<int:id>/role", member_views.member_role, name="member_role"),
    path("members/<int:id>/remove", member_views.member_remove, name="member_remove"),
    path("invitations/<slug:id>/resend", member_views.invitation_resend, name="invitation_resend"),
    path("invitations/<slug:id>/withdraw", member_views.invitation_withdraw, name="invitation_withdraw"),
    path("join/<str:token>", invitation_views.invitation, name="invitation"),
    path("profile", profile_views.profile, name="profile"),
    path("profile/name", profile_views.profile_name, name="profile_name"),
    path("profile/email", profile_views.profile_email, name="profile_email"),
    path("profile/email/<str:token>", profile_views.profile_email_confirm, name="profile_email_confirm"),
    path("profile/password", profile_views.profile_password, name="profile_password"),
    path("password-reset", profile_views.PasswordResetView.as_view(), name="password_reset"),
    path("password-reset/sent", profile_views.PasswordResetDoneView.as_view(), name="password_reset_done"),
    path(
        "password-reset/<uidb64>/<token>",
        profile_views.PasswordResetConfirmView.as_view(),
        name="password_reset_confirm",
    ),
]
