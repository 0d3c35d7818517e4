using System.Reflection;
using System.Runtime;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands;

/// <summary><c>version</c>: what runs here.</summary>
internal static class VersionCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<VersionOptions>(
        "kvmsev version [OPTIONS]",
        "A KVM device that does not open is reported, not an error.",
        [
            new VerbExample("For a bug report:", "version"),
            new VerbExample("For a script:", "version", "--json"),
        ],
        Execute);

    /// <summary>The version without the commit: <c>0.1.0</c>.</summary>
    internal static string ProgramVersion => FullVersion.Split('+', 2)[0];

    private static string FullVersion =>
        typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    private static int Execute(VersionOptions options, CliContext context)
    {
        string[] parts = FullVersion.Split('+', 2);
        VersionDocument document = new(
            "kvmsev.version/1",
            "kvmsev",
            parts[0],
            parts.Length == 2 ? parts[1] : null,
            RuntimeInformation.FrameworkDescription,
            JitInfo.GetCompiledMethodCount() > 0 ? "jit" : "native",
            DescribeSystem(),
            AskKvm(options.Kvm, context));
        if (options.Json)
        {
            context.Output.Write(JsonSerializer.SerializeToUtf8Bytes(document, CliJsonContext.Readable.VersionDocument));
            context.Write("\n");
            return ExitCode.Success;
        }

        StringBuilder text = new();
        text.Append("kvmsev ").Append(document.Version);
        if (document.Commit is string commit)
        {
            text.Append(" (commit ").Append(commit.AsSpan(0, Math.Min(commit.Length, 12))).Append(')');
        }

        text.Append('\n').Append("runtime: ").Append(document.Runtime).Append(" (").Append(document.Compilation).Append(")\n");
        text.Append("system:  ").Append(document.OperatingSystem).Append('\n');
        text.Append("kvm:     ").Append(Output.OneLine.Clean(document.Kvm.Path)).Append(": ");
        string state = document.Kvm.ApiVersion is int version ? $"API version {version}" : $"not usable: {document.Kvm.Error}";
        text.Append(Output.OneLine.Clean(state)).Append('\n');
        context.Write(text.ToString());
        return ExitCode.Success;
    }

    // The distribution's name alone says nothing about KVM; the kernel's release does.
    private static string DescribeSystem()
    {
        try
        {
            return $"{RuntimeInformation.OSDescription}, Linux {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return RuntimeInformation.OSDescription;
        }
    }

    private static VersionDocument.KvmPart AskKvm(string path, CliContext context)
    {
        try
        {
            return new VersionDocument.KvmPart(path, context.ReadKvmApiVersion(path), null);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            return new VersionDocument.KvmPart(path, null, error.Message);
        }
    }
}
