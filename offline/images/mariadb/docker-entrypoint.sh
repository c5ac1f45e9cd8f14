#!/bin/bash
# Prepares an empty data folder, then becomes the server.
set -euo pipefail
data=/var/lib/mysql

quoted() { printf "'%s'" "$(sed "s/[\\\\']/\\\\&/g" <<<"$1")"; }

case "${1:-}" in
mariadbd) shift ;;
-*) ;;
*) exec "$@" ;;
esac

if [[ ! -d $data/mysql ]]; then
  : "${MARIADB_ROOT_PASSWORD:?set MARIADB_ROOT_PASSWORD: the data folder is empty and no root password is given}"
  # In a folder beside it and moved at the end, so that an interrupted start does not leave half a database.
  rm -rf "$data/.new" && mkdir "$data/.new"
  mariadb-install-db --datadir="$data/.new" --auth-root-authentication-method=normal --skip-test-db >/dev/null
  {
    echo "FLUSH PRIVILEGES;"
    echo "ALTER USER root@localhost IDENTIFIED BY $(quoted "$MARIADB_ROOT_PASSWORD");"
    echo "CREATE USER root@'%' IDENTIFIED BY $(quoted "$MARIADB_ROOT_PASSWORD");"
    echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
    if [[ -n ${MARIADB_DATABASE:-} ]]; then echo "CREATE DATABASE \`$MARIADB_DATABASE\`;"; fi
    if [[ -n ${MARIADB_USER:-} ]]; then
      echo "CREATE USER $(quoted "$MARIADB_USER")@'%' IDENTIFIED BY $(quoted "${MARIADB_PASSWORD:?}");"
      if [[ -n ${MARIADB_DATABASE:-} ]]; then
        echo "GRANT ALL ON \`$MARIADB_DATABASE\`.* TO $(quoted "$MARIADB_USER")@'%';"
      fi
    fi
  } | mariadbd --datadir="$data/.new" --bootstrap --silent-startup
  find "$data/.new" -mindepth 1 -maxdepth 1 ! -name mysql -exec mv -t "$data" {} +
  mv "$data/.new/mysql" "$data/mysql"
  rmdir "$data/.new"
fi

exec mariadbd --datadir="$data" --bind-address=0.0.0.0 "$@"
