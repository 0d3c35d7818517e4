using KvmSevVmm.Cli.Output;
using KvmSevVmm.Sev.Sessions;

namespace KvmSevVmm.Cli.Commands.Sessions;

/// <summary>The fields of a session, named as AMD's specification names them.</summary>
internal static class SessionFacts
{
    /// <summary>Tells them.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encoding">How it held the session.</param>
    /// <param name="session">The session.</param>
    internal static FactSheet Describe(string path, string encoding, SessionBlob session) => new FactSheet()
        .Add("file", path)
        .Add("encoding", encoding)
        .Add("NONCE", session.Nonce)
        .Add("WRAP_TK", session.WrappedKeys)
        .Add("WRAP_IV", session.WrapIv)
        .Add("WRAP_MAC", session.WrapMac)
        .Add("POLICY_MAC", session.PolicyMac);
}
