using System.Runtime.InteropServices;

namespace KvmSevVmm.Cli.Tests;

/// <summary>Runs code without root's right to ignore file permissions, also where the tests run as root.</summary>
internal static class Unprivileged
{
    private const uint Nobody = 65534;

    /// <summary>Runs an action on a thread of its own whose file-system user is nobody.</summary>
    public static T Run<T>(Func<T> action)
    {
        T? result = default;
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                if (Mono.Unix.Native.Syscall.geteuid() == 0)
                {
                    // setfsuid(2) is a thread's own and drops CAP_DAC_OVERRIDE; it answers the old identity, so ask twice.
                    _ = SetFileSystemUser(Nobody);
                    Assert.Equal(Nobody, (uint)SetFileSystemUser(Nobody));
                }

                result = action();
            }
            catch (Exception error)
            {
                failure = error;
            }
        });
        thread.Start();
        thread.Join();
        return failure is null ? result! : throw new InvalidOperationException(failure.Message, failure);
    }

#pragma warning disable SYSLIB1054, CA5392 // LibraryImport needs unsafe code, which tests may not have.
    [DllImport("libc", EntryPoint = "setfsuid")]
    private static extern int SetFileSystemUser(uint user);
#pragma warning restore SYSLIB1054, CA5392
}
