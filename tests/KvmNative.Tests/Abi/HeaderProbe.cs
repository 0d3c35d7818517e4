using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Xunit;

namespace KvmSevVmm.KvmNative.Tests.Abi;

/// <summary>Asks the installed kernel headers, by a C program that is compiled and run.</summary>
/// <remarks>KVMSEV_KERNEL_HEADERS may name other header directories, separated by colons, to be searched first.</remarks>
internal static partial class HeaderProbe
{
    private const int TimeoutMs = 120_000;

    private const string Prologue = """
        #include <errno.h>
        #include <stddef.h>
        #include <stdio.h>
        #include <string.h>
        #include <sys/ioctl.h>
        #include <linux/kvm.h>
        #include <linux/kvm_para.h>
        #include <linux/psp-sev.h>

        """;

    // What gcc says of a type, member or constant that the headers do not have. Anything else is a fault of the check itself.
    private static readonly string[] Absences =
    [
        "undeclared", "has no member named", "incomplete type", "undefined type", "storage size of",
    ];

    /// <summary>Why the headers cannot be asked here, or null.</summary>
    public static string? WhyNot()
    {
        try
        {
            (int status, _, string errors) = Run("gcc", [.. Includes(), "-fsyntax-only", "-x", "c", "-"], Prologue);
            return status == 0 ? null : $"the kernel headers do not compile (Debian: linux-libc-dev): {errors.Split('\n')[0]}";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "gcc is not installed";
        }
    }

    /// <summary>Evaluates each check's expression.</summary>
    /// <param name="checks">The checks.</param>
    /// <returns>The true value of each check by its name; a check whose declaration the headers lack is absent.</returns>
    public static Dictionary<string, ulong> Evaluate(IReadOnlyList<AbiCheck> checks)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("kvmsev-abi-");
        try
        {
            string source = Path.Combine(directory.FullName, "probe.c");
            string program = Path.Combine(directory.FullName, "probe");
            File.WriteAllText(source, Program(checks));
            (int status, _, string errors) = Run("gcc", [.. Includes(), "-w", "-fsyntax-only", source], "");
            IReadOnlyList<AbiCheck> present = status == 0 ? checks : WithoutAbsent(checks, errors);

            File.WriteAllText(source, Program(present));
            (status, _, errors) = Run("gcc", [.. Includes(), "-w", "-o", program, source], "");
            Assert.True(status == 0, errors);
            (status, string output, errors) = Run(program, [], "");
            Assert.True(status == 0, errors);

            string[] values = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(present.Count, values.Length);
            return present.Zip(values).ToDictionary(
                pair => pair.First.Name, pair => ulong.Parse(pair.Second, CultureInfo.InvariantCulture));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>The names of all macros that the kernel headers define.</summary>
    public static HashSet<string> Macros()
    {
        (int status, string output, string errors) = Run("gcc", [.. Includes(), "-dM", "-E", "-x", "c", "-"], Prologue);
        Assert.True(status == 0, errors);
        return [.. MacroName().Matches(output).Select(match => match.Groups[1].Value)];
    }

    /// <summary>The tags of all structs that the kernel headers define.</summary>
    public static HashSet<string> Structs()
    {
        (int status, string output, string errors) = Run("gcc", [.. Includes(), "-E", "-P", "-x", "c", "-"], Prologue);
        Assert.True(status == 0, errors);
        return [.. StructTag().Matches(output).Select(match => match.Groups[1].Value)];
    }

    // Each check stands in a function of its own, on a line of its own: gcc reports an unknown name once a function.
    private static string Program(IReadOnlyList<AbiCheck> checks)
    {
        StringBuilder source = new(Prologue);
        source.Append("#line 1\n");
        for (int i = 0; i < checks.Count; i++)
        {
            source.Append(CultureInfo.InvariantCulture, $"static unsigned long long check{i}(void) {{ return {checks[i].Expression}; }}\n");
        }

        source.Append("int main(void) {\n");
        for (int i = 0; i < checks.Count; i++)
        {
            source.Append(CultureInfo.InvariantCulture, $"printf(\"%llu\\n\", check{i}());\n");
        }

        return source.Append("return 0; }\n").ToString();
    }

    private static List<AbiCheck> WithoutAbsent(IReadOnlyList<AbiCheck> checks, string errors)
    {
        HashSet<int> absent = [];
        foreach (Match match in ErrorLine().Matches(errors))
        {
            string message = match.Groups[2].Value;
            Assert.True(Absences.Any(text => message.Contains(text, StringComparison.Ordinal)), match.Value);
            absent.Add(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) - 1);
        }

        Assert.NotEmpty(absent);
        return [.. checks.Where((_, index) => !absent.Contains(index))];
    }

    private static IEnumerable<string> Includes()
        => (Environment.GetEnvironmentVariable("KVMSEV_KERNEL_HEADERS") ?? "")
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(directory => new[] { "-isystem", directory });

    private static (int Status, string Output, string Errors) Run(string program, string[] arguments, string input)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["LC_ALL"] = "C";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        if (!process.WaitForExit(TimeoutMs))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} did not end within {TimeoutMs} ms.");
        }

        return (process.ExitCode, output.GetAwaiter().GetResult(), errors.GetAwaiter().GetResult());
    }

    [GeneratedRegex(@"^[^:\n]+:(\d+):\d+: error: (.*)$", RegexOptions.Multiline)]
    private static partial Regex ErrorLine();

    [GeneratedRegex(@"^#define ([A-Z0-9_]+) ", RegexOptions.Multiline)]
    private static partial Regex MacroName();

    [GeneratedRegex(@"\bstruct (\w+) \{")]
    private static partial Regex StructTag();
}
